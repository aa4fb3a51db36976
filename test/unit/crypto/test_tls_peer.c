#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tls_pair.h"

/* Against the programs of OpenSSL, joined by a socket in a folder; no network. */

enum { PATIENCE = 30000, OUTPUT_MAX = 65536 }; /* milliseconds; bytes */

extern char **environ;

struct world {
	char folder[64], socket_path[80], certificate_path[80], key_path[80];
	struct certificate_pair certificate;
	struct tls_server *server;
	struct tls_client *client;
};

struct program {
	pid_t pid;
	int input, output;
};

static void write_file(char out_path[static 80], const char *folder, const char *name,
					   const char *text) {
	(void)snprintf(out_path, 80, "%s/%s", folder, name);
	FILE *file = fopen(out_path, "w");
	assert_true(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static struct program start(const char *const *arguments) {
	int input[2], output[2];
	assert_int_equal(pipe(input), 0);
	assert_int_equal(pipe(output), 0);
	posix_spawn_file_actions_t actions;
	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	(void)posix_spawn_file_actions_adddup2(&actions, input[0], 0);
	(void)posix_spawn_file_actions_adddup2(&actions, output[1], 1);
	(void)posix_spawn_file_actions_adddup2(&actions, output[1], 2);
	for (int i = 0; i < 2; i++) {
		(void)posix_spawn_file_actions_addclose(&actions, input[i]);
		(void)posix_spawn_file_actions_addclose(&actions, output[i]);
	}
	struct program program = {.input = input[1], .output = output[0]};
	assert_int_equal(
		posix_spawnp(&program.pid, arguments[0], &actions, NULL, (char *const *)arguments, environ),
		0);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(input[0]);
	(void)close(output[1]);
	return program;
}

/* All that it says until it ends. */
static char *finish(struct program *program) {
	char *text = calloc(1, OUTPUT_MAX);
	assert_non_null(text);
	(void)close(program->input);
	for (size_t size = 0; size < OUTPUT_MAX - 1;) {
		struct pollfd wait = {.fd = program->output, .events = POLLIN};
		if (poll(&wait, 1, PATIENCE) != 1)
			break;
		ssize_t got = read(program->output, text + size, OUTPUT_MAX - 1 - size);
		if (got <= 0)
			break;
		size += (size_t)got;
	}
	(void)close(program->output);
	(void)kill(program->pid, SIGKILL);
	assert_int_equal(waitpid(program->pid, NULL, 0), program->pid);
	return text;
}

static int socket_at(const struct world *world, struct sockaddr_un *out_address) {
	*out_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	(void)snprintf(out_address->sun_path, sizeof out_address->sun_path, "%s", world->socket_path);
	int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(made >= 0);
	return made;
}

static void send_outgoing(struct tls *tls, int carrier) {
	for (struct slice left = tls_outgoing(tls); left.size > 0; left = tls_outgoing(tls)) {
		ssize_t sent = send(carrier, left.data, left.size, MSG_NOSIGNAL);
		if (sent <= 0)
			return;
		tls_sent(tls, (size_t)sent);
	}
}

/* Moves bytes until so many plain ones are there, or the connection is over. */
static void carry(struct tls *tls, int carrier, struct tls_pair_sink *sink, size_t until) {
	for (;;) {
		send_outgoing(tls, carrier);
		uint8_t bytes[700];
		struct pollfd wait = {.fd = carrier, .events = POLLIN};
		if (sink->size >= until || tls_state(tls) >= TLS_ENDED)
			return;
		assert_int_equal(poll(&wait, 1, PATIENCE), 1);
		ssize_t got = recv(carrier, bytes, sizeof bytes, 0);
		if (got <= 0)
			return;
		(void)tls_pair_give(tls, slice_of(bytes, (size_t)got), sink);
	}
}

static void seal_all(struct tls *tls, const char *text) {
	size_t taken;
	assert_int_equal(tls_seal(tls, text, strlen(text), &taken), ERR_OK);
	assert_int_equal(taken, strlen(text));
}

struct meeting {
	struct tls_facts facts;
	struct tls_failure failure;
	enum err exported;
	char secret[65]; /* hexadecimal, upper case as the program prints it */
	char *said;
};

/* s_client with one more option or two, at our server. */
static struct meeting meet_client(const struct world *world, const char *option, const char *more) {
	struct sockaddr_un address;
	auto_close int listener = socket_at(world, &address);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(listener, 1), 0);
	const char *arguments[] = {"openssl",
							   "s_client",
							   "-unix",
							   world->socket_path,
							   "-CAfile",
							   world->certificate_path,
							   "-verify_return_error",
							   "-servername",
							   "vpn.example.org",
							   "-verify_hostname",
							   "vpn.example.org",
							   "-keymatexport",
							   "EXPORTER-x",
							   "-keymatexportlen",
							   "32",
							   "-ign_eof",
							   "-msg",
							   "-alpn",
							   "x,h2",
							   option,
							   more,
							   NULL};
	struct program program = start(arguments);
	struct pollfd wait = {.fd = listener, .events = POLLIN};
	assert_int_equal(poll(&wait, 1, PATIENCE), 1);
	auto_close int carrier = accept(listener, NULL, NULL);
	assert_true(carrier >= 0);
	struct tls tls;
	assert_int_equal(tls_server_accept(world->server, &tls), ERR_OK);
	assert_int_equal(write(program.input, "ping\n", 5), 5);
	struct tls_pair_sink sink = {.size = 0};
	carry(&tls, carrier, &sink, 5);
	struct meeting meeting = {.exported = ERR_AGAIN};
	tls_facts(&tls, &meeting.facts);
	tls_failure(&tls, &meeting.failure);
	if (tls_state(&tls) == TLS_OPEN) {
		assert_int_equal(sink.size, 5);
		assert_memory_equal(sink.bytes, "ping\n", 5);
		seal_all(&tls, "from the server\n");
		uint8_t secret[32];
		meeting.exported = tls_exporter(&tls, "EXPORTER-x", secret, sizeof secret);
		for (size_t i = 0; !meeting.exported && i < sizeof secret; i++)
			(void)snprintf(meeting.secret + 2 * i, 3, "%02X", secret[i]);
		tls_close(&tls);
		send_outgoing(&tls, carrier);
	}
	(void)shutdown(carrier, SHUT_WR);
	meeting.said = finish(&program);
	tls_done(&tls);
	free(sink.bytes);
	(void)unlink(world->socket_path);
	return meeting;
}

static void expect(const char *text, const char *part) {
	if (!strstr(text, part))
		fail_msg("no '%s' in:\n%s", part, text);
}

/*
 * Messages of the kind, each of the size or 16 bytes less: one of the numbers in a ticket is drawn,
 * and at times a byte shorter.
 */
static size_t count_messages(const char *said, const char *kind, unsigned size) {
	size_t count = 0;
	for (const char *at = said; (at = strstr(at, "<<< TLS ")) != NULL; at++) {
		unsigned minor, length;
		char name[32];
		if (sscanf(at, "<<< TLS 1.%u, Handshake [length %x], %31[A-Za-z]", &minor, &length, name) !=
				3 ||
			strcmp(name, kind) != 0)
			continue;
		assert_true(length == size || length == size - 16);
		count++;
	}
	return count;
}

/*
 * As many and as large as nginx 1.22 sends them with this library (3.5) to the same program, with
 * `-servername` and `-alpn` as above.
 */
static void test_tickets_like_nginx(void **state) {
	struct meeting meeting = meet_client(*state, "-tls1_3", NULL);
	assert_int_equal(count_messages(meeting.said, "NewSessionTicket", 0x119), 2);
	assert_int_equal(count_messages(meeting.said, "EncryptedExtensions", 0x13), 1);
	expect(meeting.said, "lifetime hint: 300 (seconds)");
	free(meeting.said);
	meeting = meet_client(*state, "-tls1_2", NULL);
	assert_int_equal(count_messages(meeting.said, "NewSessionTicket", 0xea), 1);
	assert_int_equal(count_messages(meeting.said, "ServerHello", 0x4e), 1);
	free(meeting.said);
	/* A session without a ticket has an identity. */
	meeting = meet_client(*state, "-tls1_2", "-no_ticket");
	assert_int_equal(count_messages(meeting.said, "NewSessionTicket", 0), 0);
	assert_int_equal(count_messages(meeting.said, "ServerHello", 0x6a), 1);
	free(meeting.said);
}

static void test_client_1_3(void **state) {
	struct meeting meeting = meet_client(*state, "-tls1_3", NULL);
	expect(meeting.said, "from the server");
	expect(meeting.said, "ALPN protocol: h2");
	expect(meeting.said, "Verify return code: 0 (ok)");
	assert_int_equal(meeting.exported, ERR_OK);
	expect(meeting.said, meeting.secret);
	assert_int_equal(meeting.facts.version, TLS_VERSION_1_3);
	assert_string_equal(meeting.facts.protocol, "h2");
	free(meeting.said);
}

/* A stranger's browser of old meets a web server, but no tunnel can be bound to that. */
static void test_client_1_2(void **state) {
	struct meeting meeting = meet_client(*state, "-tls1_2", NULL);
	expect(meeting.said, "from the server");
	expect(meeting.said, "ALPN protocol: h2");
	assert_int_equal(meeting.facts.version, TLS_VERSION_1_2);
	assert_int_equal(meeting.exported, ERR_UNSUPPORTED);
	free(meeting.said);
}

static void test_client_1_1(void **state) {
	struct meeting meeting = meet_client(*state, "-tls1_1", NULL);
	assert_int_equal(meeting.facts.version, 0);
	assert_int_equal(meeting.exported, ERR_AGAIN);
	free(meeting.said);
}

/* Our client at s_server, which turns lines around; then again with its ticket. */
static void test_server(void **state) {
	struct world *world = *state;
	const char *arguments[] = {"openssl",
							   "s_server",
							   "-unix",
							   world->socket_path,
							   "-unlink",
							   "-cert",
							   world->certificate_path,
							   "-key",
							   world->key_path,
							   "-alpn",
							   "http/1.1",
							   "-rev",
							   "-naccept",
							   "2",
							   NULL};
	struct program program = start(arguments);
	uint8_t ticket[TLS_TICKET_SIZE_MAX];
	size_t ticket_size = 0;
	for (int round = 0; round < 2; round++) {
		struct sockaddr_un address;
		auto_close int carrier = socket_at(world, &address);
		int tries = 0;
		while (connect(carrier, (struct sockaddr *)&address, sizeof address) != 0 &&
			   tries++ < PATIENCE / 20)
			(void)poll(NULL, 0, 20);
		struct tls tls =
			tls_pair_connect(world->client, "vpn.example.org", slice_of(ticket, ticket_size));
		struct tls_pair_sink sink = {.size = 0};
		while (tls_state(&tls) == TLS_HANDSHAKE) {
			struct slice none = slice_of(NULL, 0);
			uint8_t bytes[2000];
			send_outgoing(&tls, carrier);
			ssize_t got = recv(carrier, bytes, sizeof bytes, 0);
			assert_true(got > 0);
			none = slice_of(bytes, (size_t)got);
			(void)tls_pair_give(&tls, none, &sink);
		}
		struct tls_facts facts;
		tls_facts(&tls, &facts);
		assert_int_equal(tls_state(&tls), TLS_OPEN);
		assert_string_equal(facts.protocol, "http/1.1");
		assert_int_equal(facts.resumed, round == 1);
		seal_all(&tls, "abcdef\n");
		carry(&tls, carrier, &sink, 7);
		assert_int_equal(sink.size, 7);
		assert_memory_equal(sink.bytes, "fedcba\n", 7);
		if (round == 0)
			assert_int_equal(tls_ticket(&tls, ticket, sizeof ticket, &ticket_size), ERR_OK);
		tls_close(&tls);
		send_outgoing(&tls, carrier);
		tls_done(&tls);
		free(sink.bytes);
	}
	free(finish(&program));
}

static int set_up(void **state) {
	struct world *world = calloc(1, sizeof *world);
	(void)snprintf(world->folder, sizeof world->folder, "/tmp/test-tls-XXXXXX");
	assert_non_null(mkdtemp(world->folder));
	(void)snprintf(world->socket_path, sizeof world->socket_path, "%s/socket", world->folder);
	/* The program looks at the clock: valid now, whenever that is. */
	const struct certificate_request request = {tls_pair_names, 3, 1700000000, 4000000000};
	assert_int_equal(certificate_make(&request, &world->certificate), ERR_OK);
	write_file(world->certificate_path, world->folder, "certificate.pem",
			   world->certificate.certificate);
	write_file(world->key_path, world->folder, "key.pem", world->certificate.key);
	world->server = tls_pair_server(&world->certificate);
	world->client = tls_pair_client(&world->certificate);
	*state = world;
	return 0;
}

static int tear_down(void **state) {
	struct world *world = *state;
	(void)unlink(world->certificate_path);
	(void)unlink(world->key_path);
	(void)unlink(world->socket_path);
	(void)rmdir(world->folder);
	tls_server_free(world->server);
	tls_client_free(world->client);
	free(world);
	return 0;
}

int main(void) {
	if (system("openssl version >/dev/null 2>&1") != 0) {
		(void)puts("skipped: there is no openssl program");
		return 0;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tickets_like_nginx),
		cmocka_unit_test(test_client_1_3),
		cmocka_unit_test(test_client_1_2),
		cmocka_unit_test(test_client_1_1),
		cmocka_unit_test(test_server),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
