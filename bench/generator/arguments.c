#include "bench/generator/arguments.h"

#include <stddef.h>
#include <string.h>

#include "base/text.h"
#include "bench/generator/burst.h"
#include "bench/generator/identity.h"

enum { SERVER_MISSING = 1, KEY_MISSING = 2, TO_MISSING = 4 };

const char arguments_usage[] =
	"usage: clients keys       --count=N [--seed=N] [--first=N]\n"
	"       clients connect    --server=ADDRESS:PORT --key=KEY [--count=N] [--window=N]\n"
	"                          [--limit-ms=N] [--again-ms=N] [--every-ms=N]\n"
	"                          [--cookie-wait-ms=N]\n"
	"       clients handshakes (as connect)\n"
	"       clients load       (as connect) --to=ADDRESS [--burst=N] [--size=N] [--rate=BITS]\n"
	"                          [--duration-ms=N] [--start-ms=N] [--probe-us=N] [--port=N]\n"
	"                          [--aead=NAME]\n"
	"       clients flood      --spoof --server=ADDRESS:PORT --key=KEY [--rate=N]\n"
	"                          [--duration-ms=N]\n"
	"keys prints a line a client: its public key and its address in the tunnel. All other modes\n"
	"print what they found as JSON. --start-ms: connected clients wait until then. --sockets: as "
	"many as clients, but handshakes share 64.\n";

static const char *const modes[] = {
	[ARGUMENTS_KEYS] = "keys",
	[ARGUMENTS_CONNECT] = "connect",
	[ARGUMENTS_HANDSHAKES] = "handshakes",
	[ARGUMENTS_LOAD] = "load",
	[ARGUMENTS_FLOOD] = "flood",
};

static const struct number {
	const char *name;
	size_t offset;
	uint64_t least, most;
} numbers[] = {
	{"seed", offsetof(struct arguments, seed), 0, UINT32_MAX},
	{"first", offsetof(struct arguments, first), 0, IDENTITY_NUMBERS - 1},
	{"count", offsetof(struct arguments, count), 1, IDENTITY_NUMBERS},
	{"sockets", offsetof(struct arguments, sockets), 1, IDENTITY_NUMBERS},
	{"window", offsetof(struct arguments, window), 1, IDENTITY_NUMBERS},
	{"limit-ms", offsetof(struct arguments, limit_ms), 1, 600000},
	{"again-ms", offsetof(struct arguments, again_ms), 1, 600000},
	{"every-ms", offsetof(struct arguments, every_ms), 0, 600000},
	{"cookie-wait-ms", offsetof(struct arguments, cookie_wait_ms), 0, 600000},
	{"port", offsetof(struct arguments, port), 1, UINT16_MAX},
	{"size", offsetof(struct arguments, size), PACKET_SIZE_MIN, PACKET_SIZE_MAX},
	{"burst", offsetof(struct arguments, burst), 1, BURST_MAX},
	{"rate", offsetof(struct arguments, rate), 0, UINT64_C(1000000000000)},
	{"start-ms", offsetof(struct arguments, start_ms), 0, 60000},
	/* Sessions are not renewed, and live for three minutes. */
	{"duration-ms", offsetof(struct arguments, duration_ms), 1, 100000},
	{"probe-us", offsetof(struct arguments, probe_us), 0, 10000000},
};

static enum err parse_mode(const char *word, enum arguments_mode *out_mode) {
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		if (strcmp(word, modes[i]) != 0)
			continue;
		*out_mode = (enum arguments_mode)i;
		return ERR_OK;
	}
	return ERR_INVALID;
}

static enum err parse_number(const char *name, size_t name_size, const char *value,
							 struct arguments *arguments) {
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		const struct number *number = &numbers[i];
		if (strlen(number->name) != name_size || memcmp(number->name, name, name_size) != 0)
			continue;
		uint64_t parsed;
		if (text_unsigned_parse(value, strlen(value), number->most, &parsed) != ERR_OK ||
			parsed < number->least)
			return ERR_INVALID;
		memcpy((char *)arguments + number->offset, &parsed, sizeof parsed);
		return ERR_OK;
	}
	return ERR_INVALID;
}

static bool is(const char *name, size_t size, const char *expected) {
	return strlen(expected) == size && memcmp(name, expected, size) == 0;
}

static enum err parse_word(const char *word, struct arguments *arguments, unsigned *missing) {
	if (strcmp(word, "--spoof") == 0) {
		arguments->spoof = true;
		return ERR_OK;
	}
	const char *equals = strchr(word, '=');
	if (strncmp(word, "--", 2) != 0 || !equals)
		return ERR_INVALID;
	const char *name = word + 2, *value = equals + 1;
	size_t size = (size_t)(equals - name);
	if (is(name, size, "server")) {
		*missing &= ~(unsigned)SERVER_MISSING;
		enum err error = endpoint_parse(value, &arguments->server);
		return error || arguments->server.address.family == ADDRESS_V4 ? error : ERR_INVALID;
	}
	if (is(name, size, "key")) {
		*missing &= ~(unsigned)KEY_MISSING;
		return text_key_decode(value, strlen(value), arguments->key);
	}
	if (is(name, size, "to")) {
		*missing &= ~(unsigned)TO_MISSING;
		enum err error = address_parse(value, &arguments->to);
		return error || arguments->to.family == ADDRESS_V4 ? error : ERR_INVALID;
	}
	if (is(name, size, "aead")) {
		arguments->aead = value;
		return ERR_OK;
	}
	return parse_number(name, size, value, arguments);
}

static unsigned needed(enum arguments_mode mode) {
	switch (mode) {
	case ARGUMENTS_KEYS:
		return 0;
	case ARGUMENTS_LOAD:
		return SERVER_MISSING | KEY_MISSING | TO_MISSING;
	case ARGUMENTS_CONNECT:
	case ARGUMENTS_HANDSHAKES:
	case ARGUMENTS_FLOOD:
		break;
	}
	return SERVER_MISSING | KEY_MISSING;
}

enum err arguments_parse(int count, char *const *words, struct arguments *out_arguments,
						 const char **out_wrong) {
	struct arguments arguments = {
		.aead = "auto",
		.seed = 1,
		.count = 1,
		.window = 64,
		.limit_ms = 30000,
		.again_ms = 1000,
		.cookie_wait_ms = ARGUMENTS_NO_WAIT,
		.port = 9,
		.size = PACKET_SIZE_MAX,
		.burst = BURST_MAX,
		.duration_ms = 1000,
	};
	*out_wrong = NULL;
	if (count < 2)
		return ERR_INVALID;
	*out_wrong = words[1];
	enum err error = parse_mode(words[1], &arguments.mode);
	if (error)
		return error;
	unsigned missing = needed(arguments.mode);
	for (int i = 2; i < count; i++) {
		*out_wrong = words[i];
		error = parse_word(words[i], &arguments, &missing);
		if (error)
			return error;
	}
	*out_wrong = NULL;
	if (missing || arguments.first + arguments.count > IDENTITY_NUMBERS ||
		(arguments.mode == ARGUMENTS_FLOOD && (!arguments.spoof || arguments.rate == 0)))
		return ERR_INVALID;
	uint64_t sockets = arguments.sockets ? arguments.sockets : arguments.count;
	if (arguments.mode == ARGUMENTS_HANDSHAKES && !arguments.sockets && sockets > 64)
		sockets = 64;
	arguments.sockets = sockets < arguments.count ? sockets : arguments.count;
	*out_arguments = arguments;
	return ERR_OK;
}
