/* What is decoded is written again as it was, but for names that are addresses. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "expect.h"
#include "wire/socks5.h"

static void check_same(const uint8_t *data, size_t used, const uint8_t *again, size_t size) {
	expect(size == used && memcmp(data, again, size) == 0);
}

static void check_target(const struct target *target) {
	uint8_t data[TARGET_SIZE_MAX];
	size_t size;
	/* A stream may lead to it. */
	expect(!target_encode(target, data, sizeof data, &size));
}

static void run_client(const uint8_t *data, size_t size) {
	uint8_t again[SOCKS5_PASSWORD_MAX];
	struct socks5_greeting greeting;
	struct socks5_password password;
	struct socks5_request request, second;
	size_t used = 0, written = 0;
	if (!socks5_greeting_decode(data, size, &greeting, &used)) {
		expect(used <= size && used <= SOCKS5_GREETING_MAX);
		expect(!socks5_greeting_encode(&greeting, again, sizeof again, &written));
		check_same(data, used, again, written);
	}
	if (!socks5_password_decode(data, size, &password, &used)) {
		expect(used <= size && used <= SOCKS5_PASSWORD_MAX);
		expect(!socks5_password_encode(&password, again, sizeof again, &written));
		check_same(data, used, again, written);
	}
	if (!socks5_request_decode(data, size, &request, &used)) {
		expect(used <= size && used <= SOCKS5_REQUEST_MAX);
		check_target(&request.target);
		expect(!socks5_request_encode(&request, again, sizeof again, &written));
		if (data[3] != TARGET_NAME)
			check_same(data, used, again, written);
		expect(!socks5_request_decode(again, written, &second, &used) && used == written);
		expect(second.target.type == request.target.type && second.command == request.command);
	}
}

static void run_server(const uint8_t *data, size_t size) {
	uint8_t again[SOCKS5_REQUEST_MAX], method;
	struct socks5_answer answer;
	bool accepted;
	size_t used = 0, written = 0;
	if (!socks5_method_decode(data, size, &method, &used)) {
		expect(!socks5_method_encode((enum socks5_method)method, again, sizeof again, &written));
		check_same(data, used, again, written);
	}
	if (!socks5_password_reply_decode(data, size, &accepted, &used)) {
		expect(used == 2 && accepted == (data[1] == 0));
		expect(!socks5_password_reply_encode(accepted, again, sizeof again, &written));
	}
	if (!socks5_answer_decode(data, size, &answer, &used)) {
		expect(used <= size && used <= SOCKS5_REQUEST_MAX);
		expect(!socks5_answer_encode(&answer, again, sizeof again, &written));
		if (data[3] != TARGET_NAME)
			check_same(data, used, again, written);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	uint8_t again[SOCKS5_UDP_HEADER_MAX];
	struct target target;
	struct slice payload;
	size_t written;
	run_client(data, size);
	run_server(data, size);
	if (!socks5_udp_decode(data, size, &target, &payload)) {
		expect(target.udp && payload.size < size);
		expect(payload.size == 0 || payload.data + payload.size == data + size);
		check_target(&target);
		expect(!socks5_udp_encode(&target, again, sizeof again, &written));
		if (data[3] != TARGET_NAME)
			check_same(data, size - payload.size, again, written);
	}
	return 0;
}
