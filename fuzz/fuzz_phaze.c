/*
 * Phaze's packets and messages as they come: what decodes encodes to the same. The first byte
 * chooses what the rest is taken for: a datagram, or what was sealed in one of the others.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/keepalive.h"
#include "wire/phaze_auth.h"
#include "wire/phaze_piece.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DATAGRAM, KEEPALIVE, REKEY, CLOSE, PIECE, SERVER_AUTH, CLIENT_AUTH, REJECT, KINDS };

static uint8_t again[PHAZE_PACKET_SIZE_MAX];

static void expect(bool condition) {
	if (!condition)
		abort();
}

static void expect_same(const uint8_t *data, size_t size, size_t made) {
	expect(made == size && memcmp(again, data, size) == 0);
}

static void try_datagram(const uint8_t *data, size_t size) {
	struct phaze_header header;
	struct phaze_client_hello client;
	struct phaze_retry retry;
	struct phaze_server_hello server;
	const enum phaze_message message = phaze_hello_classify(data, size);
	const enum err packet = phaze_packet_decode(data, size, &header);
	expect(message == 0 || !packet);
	if (!packet) {
		expect(phaze_packet_begins(data, size));
		expect((size_t)header.length + PHAZE_HEADER_SIZE == size);
		phaze_packet_encode(&header, again);
		expect(memcmp(again, data, PHAZE_HEADER_SIZE) == 0);
	}
	if (!phaze_hello_decode_client(data, size, &client)) {
		expect(message == PHAZE_CLIENT_HELLO && client.session_id != 0 && client.cipher_count > 0);
		expect(!phaze_hello_encode_client(&client, again));
		expect_same(data, size, PHAZE_CLIENT_HELLO_SIZE);
	}
	if (!phaze_hello_decode_retry(data, size, &retry)) {
		expect(message == PHAZE_RETRY && retry.receiver != 0);
		phaze_hello_encode_retry(&retry, again);
		expect_same(data, size, PHAZE_RETRY_SIZE);
	}
	if (!phaze_hello_decode_server(data, size, &server)) {
		expect(message == PHAZE_SERVER_HELLO && server.receiver != 0 && server.session_id != 0);
		phaze_hello_encode_server(&server, again);
		expect_same(data, size, PHAZE_SERVER_HELLO_SIZE);
	}
}

static void try_piece(const uint8_t *data, size_t size) {
	struct phaze_piece piece;
	size_t made;
	if (phaze_piece_decode(data, size, &piece))
		return;
	expect((size_t)piece.offset + piece.bytes.size <= piece.length &&
		   piece.length <= PHAZE_BODY_SIZE_MAX);
	expect(!phaze_piece_encode(&piece, again, sizeof again, &made));
	expect_same(data, size, made);
}

static void try_auth(uint8_t kind, const uint8_t *data, size_t size) {
	struct phaze_server_auth server;
	struct phaze_client_auth client;
	size_t made, before, signed_size;
	if (kind == SERVER_AUTH && !phaze_auth_decode_server(data, size, &server, &before)) {
		expect(!phaze_auth_encode_server(&server, again, sizeof again, &made, &signed_size));
		expect_same(data, size, made);
		expect(before == signed_size && made == phaze_auth_server_size(&server.chain));
	}
	if (kind == CLIENT_AUTH && !phaze_auth_decode_client(data, size, &client, &before)) {
		expect(!phaze_auth_encode_client(&client, again, sizeof again, &made, &signed_size));
		expect_same(data, size, made);
		expect(before == signed_size);
	}
}

static void try_small(uint8_t kind, const uint8_t *data, size_t size) {
	struct keepalive keepalive;
	struct phaze_rekey_message rekey;
	enum phaze_close_code code;
	enum phaze_reject reason;
	size_t made;
	if (kind == KEEPALIVE && !keepalive_decode(data, size, &keepalive)) {
		keepalive_encode(&keepalive, again);
		expect_same(data, size, KEEPALIVE_SIZE);
	}
	if (kind == REKEY && !phaze_packet_decode_rekey(data, size, &rekey)) {
		phaze_packet_encode_rekey(&rekey, again, &made);
		expect_same(data, size, made);
	}
	if (kind == CLOSE && !phaze_packet_decode_close(data, size, &code))
		expect(code == PHAZE_CLOSE_DONE || code == data[0]);
	if (kind == REJECT && !phaze_auth_decode_reject(data, size, &reason)) {
		phaze_auth_encode_reject(reason, again);
		expect_same(data, size, PHAZE_REJECT_SIZE);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size == 0)
		return 0;
	const uint8_t kind = data[0] % KINDS;
	if (kind == DATAGRAM)
		try_datagram(data + 1, size - 1);
	else if (kind == PIECE)
		try_piece(data + 1, size - 1);
	else if (kind == SERVER_AUTH || kind == CLIENT_AUTH)
		try_auth(kind, data + 1, size - 1);
	else
		try_small(kind, data + 1, size - 1);
	return 0;
}
