#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/figure.h"
#include "base/slice.h"
#include "base/stream_figure.h"
#include "base/text.h"

/*
 * Reads the answer of a device to who asks for its status (no secret is in it): lines `key=value`,
 * those of the device first, then the figures of its shards, each shard's behind its number, then
 * for each peer those behind its public_key. Figures of streams: tunnel/stream_status.h.
 */

enum {
	DIRECTORY_TEXT_PREFIXES_MAX = 1 << 20, /* of one peer */
	DIRECTORY_AEAD_SIZE = 24,              /* of the back end's name, with its NUL */
};

/* What the device's shards have counted. */
struct directory_data_path {
	char aead[DIRECTORY_AEAD_SIZE]; /* empty: not told */
	size_t shard_count;
	struct figure_set shards[FIGURE_SHARDS_MAX];
};

enum { DIRECTORY_PROBLEM_SIZE = 160 };

/* One of several ways to a peer. */
struct directory_path {
	struct endpoint endpoint;
	uint32_t round_trip; /* us; 0: nothing came back yet */
};

enum { DIRECTORY_PATHS_MAX = 8 };

struct directory_device {
	bool has_public_key;
	uint8_t public_key[TEXT_KEY_SIZE];
	uint16_t listen_port; /* 0: none */
	uint32_t fwmark;      /* 0: none */
	struct directory_data_path data_path;
	struct stream_figure_set streams;
	char problem[DIRECTORY_PROBLEM_SIZE]; /* why a client has no connection; empty: none */
	/* A client's, to its one peer; those that its configuration has. */
	size_t path_count;
	struct directory_path paths[DIRECTORY_PATHS_MAX];
};

/* What the device knows of a peer. */
struct directory_figures {
	bool has_preshared_key;
	bool tells_session, has_session; /* whether there is one; only some devices know when it ends */
	struct endpoint endpoint;        /* ADDRESS_NONE: none */
	uint64_t latest_handshake;       /* seconds since the Unix epoch, 0: never */
	uint64_t received, sent;         /* bytes */
	uint16_t persistent_keepalive;
	uint16_t path_mtu; /* bytes of a packet inside that the path carries; 0: no limit was found */
	struct stream_peer_figure_set streams;
};

struct directory_text_peer {
	uint8_t public_key[TEXT_KEY_SIZE];
	struct directory_figures figures;
	const struct prefix *allowed_ips;
	size_t allowed_ip_count;
};

/*
 * Calls take() for each peer; what it gets is gone afterwards, and an error of it ends the reading.
 * ERR_MALFORMED for anything unknown; ERR_NO_MEMORY, ERR_LIMIT.
 */
enum err directory_text_parse(struct slice text,
							  enum err (*take)(void *context,
											   const struct directory_text_peer *peer),
							  void *context, struct directory_device *out_device);
