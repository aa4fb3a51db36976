#include "bench/generator/client.h"

#include <string.h>

#include "base/wipe.h"
#include "bench/generator/identity.h"
#include "crypto/csprng.h"

/* What timestamps are rounded to, ns. */
#define STEP (UINT64_C(1) << 24)

enum err client_server_init(struct client_server *server,
							const uint8_t public_key[static X25519_KEY_SIZE],
							const struct sockaddr_in *at) {
	*server = (struct client_server){.at = *at};
	memcpy(server->public_key, public_key, X25519_KEY_SIZE);
	return cookie_keys_init(&server->cookie_keys, "mac1----", "cookie--", public_key);
}

enum err client_init(struct client *client, const struct client_server *server, uint64_t seed,
					 uint32_t number, uint32_t index) {
	*client = (struct client){.address = identity_address(number), .index = index};
	uint8_t private_key[X25519_KEY_SIZE];
	WIPE_ON_EXIT(private_key);
	enum err error = identity_private(seed, number, private_key);
	if (!error)
		error = wireguard_identity_init(&client->identity, private_key);
	if (error)
		return error;
	memcpy(client->remote.public_key, server->public_key, X25519_KEY_SIZE);
	wireguard_remote_prepare(&client->remote, &client->identity);
	cookie_jar_init(&client->jar, &server->cookie_keys);
	return client->remote.usable ? ERR_OK : ERR_INVALID;
}

void client_done(struct client *client) {
	session_done(&client->session);
	wipe(client, sizeof *client);
}

enum err client_initiate(struct client *client, uint64_t wall, uint64_t now,
						 uint8_t out_data[static WIREGUARD_INITIATION_SIZE]) {
	if (wall < client->last_wall + STEP)
		wall = client->last_wall + STEP;
	client->last_wall = wall;
	uint8_t timestamp[WIREGUARD_TIMESTAMP_SIZE];
	wireguard_timestamp(wall, timestamp);
	struct wireguard_initiation message;
	enum err error = wireguard_initiate(&client->identity, &client->remote, &csprng, client->index,
										timestamp, &message, &client->pending);
	if (error)
		return error;
	wireguard_encode_initiation(&message, out_data);
	return cookie_add_macs(&client->jar, out_data, WIREGUARD_INITIATION_SIZE, now);
}

static enum client_news take_response(struct client *client, const struct aead_backend *backend,
									  const uint8_t *data, size_t size, uint64_t now) {
	struct wireguard_response message;
	struct wireguard_keys keys;
	WIPE_ON_EXIT(keys);
	if (wireguard_decode_response(data, size, &message) != ERR_OK ||
		wireguard_finish(&client->identity, &client->remote, &client->pending, &message, &keys) !=
			ERR_OK)
		return CLIENT_NOTHING;
	client->connected = false;
	session_done(&client->session);
	if (session_init(&client->session, backend, AEAD_CHACHA20_POLY1305, keys.send, keys.receive,
					 keys.local_index, keys.remote_index, true, now) != ERR_OK)
		return CLIENT_NOTHING;
	wipe(&client->pending, sizeof client->pending);
	client->connected = true;
	return CLIENT_CONNECTED;
}

static enum client_news take_cookie(struct client *client, const uint8_t *data, size_t size,
									uint64_t now) {
	struct wireguard_cookie_reply message;
	if (wireguard_decode_cookie_reply(data, size, &message) != ERR_OK ||
		cookie_take(&client->jar, message.nonce, message.sealed_cookie, now) != ERR_OK)
		return CLIENT_NOTHING;
	return CLIENT_COOKIE;
}

enum client_news client_take(struct client *client, const struct aead_backend *backend,
							 const uint8_t *data, size_t size, uint64_t now) {
	switch (wireguard_classify(data, size)) {
	case WIREGUARD_RESPONSE:
		return take_response(client, backend, data, size, now);
	case WIREGUARD_COOKIE_REPLY:
		return take_cookie(client, data, size, now);
	case WIREGUARD_DATA:
		return client->connected ? CLIENT_PACKET : CLIENT_NOTHING;
	case WIREGUARD_INITIATION: /* the server answers, it does not ask */
		break;
	}
	return CLIENT_NOTHING;
}

enum err client_open(struct client *client, struct aead_worker *worker, const uint8_t *data,
					 size_t size, uint8_t *out_packet, size_t *out_size) {
	struct wireguard_data head;
	enum err error = wireguard_decode_data(data, size, &head);
	if (error)
		return error;
	struct aead_job job = {
		.key = &client->session.receive,
		.source = data + WIREGUARD_DATA_HEADER_SIZE,
		.destination = out_packet,
		.size = (uint32_t)(size - WIREGUARD_DATA_OVERHEAD),
	};
	wireguard_data_nonce(head.counter, job.nonce);
	aead_open_many(worker, &job, 1);
	if (!job.ok)
		return ERR_AUTHENTICATION;
	*out_size = job.size;
	return ERR_OK;
}
