#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>

#include "base/clock.h"
#include "host/dns.h"
#include "host/dns_folder.h"

/* A script plays resolvconf. No test finds a bus: the address is one where nobody is. */

struct fixture {
	struct dns_folder folder;
	struct dns *dns;
	char program[96], uplinks[96], calls[96];
	struct address servers[3];
};

static const char before[] = "nameserver 192.0.2.1\nnameserver 192.0.2.2\n";

static void make(struct fixture *f) {
	const struct dns_places places = {
		.state_dir = f->folder.state,
		.file = f->folder.file,
		.uplinks = f->uplinks,
		.program = f->program,
	};
	assert_int_equal(dns_new(&places, &f->dns), ERR_OK);
}

static void begin(struct fixture *f) {
	static const char *const texts[] = {"10.0.0.1", "fd00::1", "10.7.0.1"};
	assert_int_equal(setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere", 1), 0);
	dns_folder_make(&f->folder);
	(void)snprintf(f->program, sizeof f->program, "%s/resolvconf", f->folder.path);
	(void)snprintf(f->uplinks, sizeof f->uplinks, "%s/uplinks", f->folder.path);
	(void)snprintf(f->calls, sizeof f->calls, "%s/calls", f->folder.path);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(address_parse(texts[i], &f->servers[i]), ERR_OK);
	dns_write(f->folder.file, before, sizeof before - 1, 0644);
	make(f);
}

static void forget(struct fixture *f) {
	dns_free(f->dns);
	make(f);
}

static void end(struct fixture *f) {
	dns_free(f->dns);
	dns_folder_remove(&f->folder);
}

/* body: what the program does with its arguments and its input in $IN. */
static void write_program(const struct fixture *f, const char *body) {
	char text[1024];
	int size = snprintf(text, sizeof text,
						"#!/bin/sh\nIN=\"$(cat)\"\necho \"$@: $(echo \"$IN\" | grep -v '^#' | tr "
						"'\\n' ';')\" >>%s\n%s\n",
						f->calls, body);
	dns_write(f->program, text, (size_t)size, 0755);
}

static void apply(struct fixture *f, const struct dns_tunnel *tunnels, size_t count) {
	char problem[DNS_PROBLEM_SIZE] = "";
	if (dns_apply(f->dns, tunnels, count, problem))
		fail_msg("%s", problem);
}

static void test_file_of_several(void **state) {
	struct fixture f;
	begin(&f);
	static const char *const search[] = {"corp.example", "home"};
	const struct dns_tunnel tunnels[] = {
		{.name = "um0",
		 .manager = DNS_AUTO,
		 .servers = f.servers,
		 .server_count = 2,
		 .search = search,
		 .search_count = 2},
		{.name = "um1",
		 .manager = DNS_FILE,
		 .servers = f.servers + 1,
		 .server_count = 2,
		 .search = search + 1,
		 .search_count = 1},
		{.name = "um2", .manager = DNS_OFF, .servers = f.servers, .server_count = 1},
	};
	assert_int_equal(dns_choose(f.dns, DNS_AUTO), DNS_FILE);
	apply(&f, tunnels, 3);
	dns_check_has(f.folder.file, "nameserver 10.0.0.1\nnameserver fd00::1\nnameserver 10.7.0.1\n"
								 "search corp.example home\n");
	struct endpoint own[DNS_OWN_SERVERS_MAX];
	assert_int_equal(dns_own_servers(f.dns, own), 2);
	assert_int_equal(own[1].address.bytes[3], 2);
	apply(&f, tunnels + 1, 1);
	dns_check_has(f.folder.file, "\nnameserver fd00::1\nnameserver 10.7.0.1\nsearch home\n");
	apply(&f, NULL, 0);
	dns_check_content(f.folder.file, before, sizeof before - 1);
	assert_false(dns_is_held(f.dns));
	end(&f);
}

static void test_news_are_seen(void **state) {
	static const char newer[] = "nameserver 198.51.100.7\n";
	struct fixture f;
	char problem[DNS_PROBLEM_SIZE] = "";
	bool changed;
	begin(&f);
	const struct dns_tunnel tunnel = {
		.name = "um0", .manager = DNS_FILE, .servers = f.servers, .server_count = 1};
	apply(&f, &tunnel, 1);
	assert_int_equal(dns_check(f.dns, 0, &changed, problem), ERR_OK);
	assert_false(changed);
	struct pollfd item = {.fd = dns_descriptor(f.dns), .events = POLLIN};
	assert_int_equal(poll(&item, 1, 0), 0);
	for (int i = 0; i < 2; i++) {
		char beside[128];
		(void)snprintf(beside, sizeof beside, "%s.new", f.folder.file);
		dns_write(i ? beside : f.folder.file, newer, sizeof newer - 1, 0644);
		assert_true(i == 0 || rename(beside, f.folder.file) == 0);
		assert_int_equal(poll(&item, 1, 5000), 1);
		assert_int_equal(dns_check(f.dns, 1, &changed, problem), ERR_OK);
		assert_true(changed);
		/* Our own writing, too. */
		assert_int_equal(dns_check(f.dns, 2, &changed, problem), ERR_OK);
		assert_false(changed);
		assert_int_equal(poll(&item, 1, 0), 0);
	}
	apply(&f, NULL, 0);
	dns_check_content(f.folder.file, newer, sizeof newer - 1);
	end(&f);
}

static void test_domains_are_refused(void **state) {
	static const char *const domains[] = {"corp.example"};
	struct fixture f;
	char problem[DNS_PROBLEM_SIZE] = "";
	begin(&f);
	const struct dns_tunnel tunnel = {.name = "um0",
									  .manager = DNS_FILE,
									  .servers = f.servers,
									  .server_count = 1,
									  .domains = domains,
									  .domain_count = 1};
	assert_int_equal(dns_apply(f.dns, &tunnel, 1, problem), ERR_UNSUPPORTED);
	assert_string_equal(problem, "dns.domains need systemd-resolved; /etc/resolv.conf cannot send "
								 "some names elsewhere");
	dns_check_content(f.folder.file, before, sizeof before - 1);
	end(&f);
}

static void test_no_bus(void **state) {
	struct fixture f;
	char problem[DNS_PROBLEM_SIZE] = "";
	begin(&f);
	const struct dns_tunnel tunnel = {
		.name = "lo", .manager = DNS_RESOLVED, .servers = f.servers, .server_count = 1};
	assert_int_not_equal(dns_apply(f.dns, &tunnel, 1, problem), ERR_OK);
	assert_non_null(strstr(problem, "systemd-resolved: the system's D-Bus: "));
	end(&f);
}

static void test_uplinks(void **state) {
	static const char stub[] = "nameserver 127.0.0.53\n";
	static const char links[] = "nameserver 10.0.0.1\nnameserver 203.0.113.1\n";
	struct fixture f;
	struct endpoint own[DNS_OWN_SERVERS_MAX];
	begin(&f);
	dns_write(f.folder.file, stub, sizeof stub - 1, 0644);
	assert_int_equal(dns_own_servers(f.dns, own), 1);
	assert_int_equal(own[0].address.bytes[3], 53);
	dns_write(f.uplinks, links, sizeof links - 1, 0644);
	assert_int_equal(dns_own_servers(f.dns, own), 2);
	const struct dns_tunnel tunnel = {
		.name = "um0", .manager = DNS_FILE, .servers = f.servers, .server_count = 1};
	apply(&f, &tunnel, 1);
	assert_int_equal(dns_own_servers(f.dns, own), 1);
	assert_int_equal(own[0].address.bytes[0], 203);
	apply(&f, NULL, 0);
	end(&f);
}

/* Writes the file of its input, as openresolv does, and puts the old one back. */
#define WRITES                                                                                \
	"F=${0%/*}/etc/resolv.conf; case $1 in -a) test -e $F.own || cp $F $F.own; echo \"$IN\" " \
	">$F;; "                                                                                  \
	"-d) mv $F.own $F;; esac"

static void test_resolvconf(void **state) {
	static const char *const search[] = {"home"};
	struct fixture f;
	begin(&f);
	write_program(&f, WRITES);
	const struct dns_tunnel tunnel = {.name = "um0",
									  .manager = DNS_AUTO,
									  .servers = f.servers,
									  .server_count = 2,
									  .search = search,
									  .search_count = 1};
	assert_int_equal(dns_choose(f.dns, DNS_AUTO), DNS_RESOLVCONF);
	apply(&f, &tunnel, 1);
	struct endpoint own[DNS_OWN_SERVERS_MAX];
	assert_int_equal(dns_own_servers(f.dns, own), 2);
	assert_int_equal(own[0].address.bytes[0], 192);
	/* Killed: the next one takes the record away. */
	forget(&f);
	apply(&f, NULL, 0);
	dns_check_content(f.folder.file, before, sizeof before - 1);
	static const char calls[] =
		"-a um0 -m 0 -x: nameserver 10.0.0.1;nameserver fd00::1;search home;\n-d um0: ;\n";
	dns_check_content(f.calls, calls, sizeof calls - 1);
	forget(&f);
	apply(&f, NULL, 0);
	dns_check_content(f.calls, calls, sizeof calls - 1);
	end(&f);
}

/* It is there and ends well, but has nothing to do with the file: auto goes on to the next. */
static void test_resolvconf_that_does_nothing(void **state) {
	struct fixture f;
	char problem[DNS_PROBLEM_SIZE] = "";
	begin(&f);
	write_program(&f, "exit 0");
	struct dns_tunnel tunnel = {
		.name = "um0", .manager = DNS_AUTO, .servers = f.servers, .server_count = 1};
	apply(&f, &tunnel, 1);
	dns_check_has(f.folder.file, "\nnameserver 10.0.0.1\n");
	assert_int_equal(dns_choose(f.dns, DNS_AUTO), DNS_FILE);
	apply(&f, NULL, 0);
	dns_check_content(f.folder.file, before, sizeof before - 1);
	tunnel.manager = DNS_RESOLVCONF;
	assert_int_equal(dns_apply(f.dns, &tunnel, 1, problem), ERR_UNSUPPORTED);
	assert_non_null(strstr(problem, "resolvconf: it ran, but"));
	apply(&f, NULL, 0);
	end(&f);
}

static void test_resolvconf_that_fails(void **state) {
	struct fixture f;
	char problem[DNS_PROBLEM_SIZE] = "";
	begin(&f);
	write_program(&f, "echo no such thing >&2; exit 3");
	const struct dns_tunnel tunnel = {
		.name = "um0", .manager = DNS_RESOLVCONF, .servers = f.servers, .server_count = 1};
	assert_int_equal(dns_apply(f.dns, &tunnel, 1, problem), ERR_IO);
	assert_string_equal(problem, "resolvconf: no such thing");
	assert_int_equal(unlink(f.program), 0);
	assert_int_equal(dns_apply(f.dns, &tunnel, 1, problem), ERR_NOT_FOUND);
	end(&f);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file_of_several),
		cmocka_unit_test(test_news_are_seen),
		cmocka_unit_test(test_domains_are_refused),
		cmocka_unit_test(test_no_bus),
		cmocka_unit_test(test_uplinks),
		cmocka_unit_test(test_resolvconf),
		cmocka_unit_test(test_resolvconf_that_does_nothing),
		cmocka_unit_test(test_resolvconf_that_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
