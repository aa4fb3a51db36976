/* Set operations of a Phaze device, what get answers after them, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/phaze_control.h"
#include "proto/phaze_device.h"

#include "proto/desk.h"

#define A "00000000000000000000000000000000000000000000000000000000000000aa"
#define B "00000000000000000000000000000000000000000000000000000000000000bb"
#define C "00000000000000000000000000000000000000000000000000000000000000cc"
#define KEY "1111111111111111111111111111111111111111111111111111111111111111"

#define FIGURES                                                                      \
	"session=0\nlast_handshake_time_sec=0\nlast_handshake_time_nsec=0\ntx_bytes=0\n" \
	"rx_bytes=0\n"
#define NEW                                                                              \
	"role=server\nciphers=chacha20-poly1305,aes-256-gcm\ndemands=password\n"             \
	"rekey_seconds=120\nrekey_packets=1073741824\nkeepalive=10\nticket_seconds=604800\n" \
	"client_to_client=false\ntransport=udp\n"

static struct desk *desk_of_logins(void) {
	return desk_new_of(DESK_SHARDS, &phaze_device_ops);
}

static void assert_state(const struct desk *desk, const char *expected) {
	char *text = desk_get(desk);
	assert_string_equal(text, expected);
	free(text);
}

#define OWN                                                                                   \
	"role=server\nlisten_port=51820\nfwmark=7\nciphers=aes-256-gcm\n"                         \
	"demands=password,certificate\nrekey_seconds=60\nrekey_packets="                          \
	"1000\nkeepalive=5\n"                                                                     \
	"ticket_seconds=3600\nclient_to_client=true\npush_route=10.0.0.0/8\npush_dns=10.0.0.53\n" \
	"push_domain=example.org\npush_mtu=1380\ntransport=udp,tcp\n"
#define MEMBER_A                                                                                \
	"public_key=" A "\n" FIGURES "name=alice\nallowed_ip=10.0.0.2/32\nallowed_ip=fd00::2/128\n" \
	"address=10.0.0.2/24\naddress=fd00::2/64\nrate=1000000\nuntil=2000000000\nquota=5000\n"
#define MEMBER_B "public_key=" B "\n" FIGURES "name=bob\nallowed_ip=10.0.0.3/32\n"

static const char base[] =
	"role=server\nlisten_port=51820\nfwmark=7\nciphers=aes-256-gcm\ntransport=tcp,udp\n"
	"demands=certificate,password\n"
	"rekey_seconds=60\nrekey_packets=1000\nkeepalive=5\nticket_seconds=3600\n"
	"client_to_client=true\nreplace_push=true\npush_route=10.0.0.0/8\npush_dns=10.0.0.53\n"
	"push_domain=example.org\npush_mtu=1380\nticket_key=" KEY "\nreplace_peers=true\n"
	"public_key=" A "\nname=alice\naddress=10.0.0.2/24\naddress=fd00::2/64\nrate=1000000\n"
	"quota=5000\nuntil=2000000000\nallowed_ip=10.0.0.2/32\nallowed_ip=fd00::2/128\n"
	"public_key=" B "\nname=bob\nallowed_ip=10.0.0.3/32\n";

static struct desk *base_desk(void) {
	struct desk *desk = desk_of_logins();
	assert_state(desk, NEW);
	assert_int_equal(desk_set(desk, base), 0);
	assert_state(desk, OWN MEMBER_A MEMBER_B);
	return desk;
}

static const struct {
	const char *set, *expected;
} cases[] = {
	{"", OWN MEMBER_A MEMBER_B},
	{"replace_peers=true\n", OWN},
	{"public_key=" A "\nremove=true\n", OWN MEMBER_B},
	{"public_key=" C "\nremove=true\n", OWN MEMBER_A MEMBER_B},
	{"public_key=" C "\nupdate_only=true\nname=carol\n", OWN MEMBER_A MEMBER_B},
	{"public_key=" B "\nend=2\nupdate_only=true\n", OWN MEMBER_A MEMBER_B},
	/* Made anew, it has nothing of before. */
	{"public_key=" A "\nremove=true\npublic_key=" A "\nname=alice\n",
	 OWN MEMBER_B "public_key=" A "\n" FIGURES "name=alice\n"},
	/* Lines behind a removal say nothing. */
	{"public_key=" A "\nremove=true\nallowed_ip=10.0.0.3/32\naddress=1.1.1.1/8\n", OWN MEMBER_B},
	/* Addresses are replaced as a whole, limits by their next value. */
	{"public_key=" A "\naddress=10.0.0.9/24\nrate=0\nuntil=0\nquota=18446744073709551615\n",
	 OWN "public_key=" A "\n" FIGURES "name=alice\nallowed_ip=10.0.0.2/32\n"
		 "allowed_ip=fd00::2/128\naddress=10.0.0.9/24\n" MEMBER_B},
	/* A prefix moves to who is given it. */
	{"public_key=" B "\nallowed_ip=10.0.0.2/32\n",
	 OWN "public_key=" A "\n" FIGURES "name=alice\nallowed_ip=fd00::2/128\n"
		 "address=10.0.0.2/24\naddress=fd00::2/"
		 "64\nrate=1000000\nuntil=2000000000\nquota=5000\n" MEMBER_B "allowed_ip=10.0.0.2/32\n"},
	/* A client has one server. */
	{"role=client\nreplace_peers=true\nserver_name=vpn.example.org\npin=" KEY "\n"
	 "public_key=" C "\nname=alice\npassword=736563726574\nendpoint=192.0.2.1:51820\n"
	 "endpoint=[2001:db8::1]:51820\nendpoint=192.0.2.1:51820\nallowed_ip=0.0.0.0/0\n",
	 "role=client\nlisten_port=51820\nfwmark=7\nciphers=aes-256-gcm\nrekey_"
	 "seconds=60\n"
	 "rekey_packets=1000\nkeepalive=5\nserver_name=vpn.example.org\ntransport=udp,tcp\n"
	 "public_key=" C "\n" FIGURES "name=alice\nallowed_ip=0.0.0.0/0\npath=192.0.2.1:51820\n"
	 "path=[2001:db8::1]:51820\n"},
};

static void test_set(void **state) {
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct desk *desk = base_desk(), *copy = desk_of_logins();
		assert_int_equal(desk_set(desk, cases[i].set), 0);
		assert_state(desk, cases[i].expected);
		/* From its records another is the same; and from those that are all of its state. */
		for (size_t k = 0; k < desk->record_count; k++)
			assert_int_equal(copy->ops->restore(copy->device, desk->records[k]), ERR_OK);
		assert_state(copy, cases[i].expected);
		desk_free(copy);
		copy = desk_of_logins();
		const size_t before = desk->record_count;
		desk->ops->save_all(desk->device);
		for (size_t k = before; k < desk->record_count; k++)
			assert_int_equal(copy->ops->restore(copy->device, desk->records[k]), ERR_OK);
		assert_state(copy, cases[i].expected);
		desk_free(copy);
		desk_free(desk);
	}
}

static const struct {
	const char *set;
	int error;
} refused[] = {
	{"role=peer\n", EINVAL},
	{"role=client\n", EBUSY},
	{"private_key=" KEY "\n", EINVAL},
	{"instance=0102030405060708\n", EINVAL},
	{"ciphers=aes-256-gcm,aes-256-gcm\n", EINVAL},
	{"ciphers=aes-256-gcm,\n", EINVAL},
	{"ciphers=rot13\n", EINVAL},
	{"demands=nothing\n", EINVAL},
	{"transport=quic\n", EINVAL},
	{"transport=tcp,tcp\n", EINVAL},
	{"demands=password,password\n", EINVAL},
	{"rekey_seconds=0\n", EINVAL},
	{"rekey_packets=0\n", EINVAL},
	{"rekey_packets=1073741825\n", EINVAL},
	{"keepalive=0\n", EINVAL},
	{"ticket_seconds=604801\n", EINVAL},
	{"authority=nothing\n", EINVAL},
	{"certificate=nothing\n", EINVAL},
	{"revoked=nothing\n", EINVAL},
	{"push_mtu=100\n", EINVAL},
	{"name=alice\n", EINVAL},
	{"public_key=" A "\nrole=server\n", EINVAL},
	{"public_key=" A "\npreshared_key=" KEY "\n", EINVAL},
	{"public_key=" A "\nrule=allow any\n", EINVAL},
	{"public_key=" A "\nend=6\n", EINVAL},
	{"public_key=" A "\nendpoint=192.0.2.1:1\n", EINVAL},
	{"public_key=" A "\npassword=00\n", EINVAL},
	{"public_key=" A "\nname=eve\npublic_key=" C "\nbroken=1\n", EINVAL},
	{"role=client\nreplace_peers=true\npush_mtu=1400\n", EINVAL},
	{"role=client\nreplace_peers=true\npublic_key=" A "\naddress=10.0.0.1/24\n", EINVAL},
	{"role=client\nreplace_peers=true\npublic_key=" A "\npublic_key=" B "\n", ENOSPC},
	{"role=client\nreplace_peers=true\npublic_key=" A "\nendpoint=192.0.2.1:1\n"
	 "endpoint=192.0.2.1:2\nendpoint=192.0.2.1:3\nendpoint=192.0.2.1:4\nendpoint=192.0.2.1:5\n"
	 "endpoint=192.0.2.1:6\nendpoint=192.0.2.1:7\nendpoint=192.0.2.1:8\nendpoint=192.0.2.1:9\n",
	 ENOSPC},
};

/* What is refused changes nothing, and is not kept. */
static void test_refused(void **state) {
	struct desk *desk = base_desk();
	const size_t records = desk->record_count;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		if (desk_set(desk, refused[i].set) != refused[i].error)
			fail_msg("row %zu", i);
		assert_state(desk, OWN MEMBER_A MEMBER_B);
		assert_int_equal(desk->record_count, records);
	}
	desk_free(desk);
}

/* More routes than an answer has room for beside a member's addresses are refused. */
static void test_too_much_is_told(void **state) {
	struct desk *desk = base_desk();
	struct uapi_text text = {.data = NULL};
	uapi_put_line(&text, "replace_push=true");
	for (unsigned i = 0; i < INTERFACE_SETTINGS_ROUTES_MAX; i++) {
		char route[64];
		(void)snprintf(route, sizeof route, "push_route=2001:db8:%x::/48", i + 1);
		uapi_put_line(&text, route);
	}
	for (unsigned i = 0; i < INTERFACE_SETTINGS_DOMAINS_MAX; i++) {
		char domain[256];
		(void)snprintf(domain, sizeof domain,
					   "push_domain=%u-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
					   "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb."
					   "ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc."
					   "ddddddddddddddddddddddddddddddddddddddddddddd.org",
					   i);
		uapi_put_line(&text, domain);
	}
	char *copy = calloc(1, text.size + 1);
	assert_non_null(copy);
	memcpy(copy, text.data, text.size);
	assert_int_equal(desk_set(desk, copy), EMSGSIZE);
	assert_state(desk, OWN MEMBER_A MEMBER_B);
	free(copy);
	uapi_text_done(&text);
	desk_free(desk);
}

static void test_lines_of_peers(void **state) {
	const struct device_ops *ops = &phaze_device_ops;
	assert_true(ops->of_peers(slice_of_text("public_key=" A "\nend=2\n")));
	assert_true(ops->of_peers(slice_of_text("public_key=" A "\npassword=00\nticket=" A ",00\n")));
	assert_false(ops->of_peers(slice_of_text("ticket_key=" KEY "\npublic_key=" A "\n")));
	assert_false(ops->of_peers(slice_of_text("replace_revoked=true\n")));
}

/* Secrets are in what is saved alone. */
static void test_secrets(void **state) {
	struct desk *desk = base_desk();
	assert_int_equal(desk_set(desk,
							  "role=client\nreplace_peers=true\nreplace_push=true\n"
							  "signing_key=" KEY "\npublic_key=" A "\npassword=736563726574\n"),
					 0);
	char *text = desk_get(desk);
	assert_null(strstr(text, KEY));
	assert_null(strstr(text, "736563726574"));
	free(text);
	const size_t before = desk->record_count;
	desk->ops->save_all(desk->device);
	const struct slice record = desk->records[before];
	assert_non_null(memmem(record.data, record.size, "ticket_key=" KEY, 75));
	assert_non_null(memmem(record.data, record.size, "signing_key=" KEY, 76));
	assert_non_null(memmem(record.data, record.size, "password=736563726574", 21));
	desk_free(desk);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_much_is_told),
		cmocka_unit_test(test_lines_of_peers),
		cmocka_unit_test(test_secrets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
