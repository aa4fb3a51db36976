#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "conf/config.h"

/*
 * The file that one client of a tunnel gets: for wg-quick, for the apps of phones, and for
 * `umbra init client`. Everything pointed to stays the caller's.
 */
struct client_file {
	/* Of the peer that the client reaches, where it has no endpoint; NULL: never written. */
	const char *name;
	const uint8_t *private_key; /* the client's, TEXT_KEY_SIZE bytes; NULL: a comment asks for it */
	const uint8_t *server_key;  /* public, TEXT_KEY_SIZE bytes */
	const uint8_t *preshared_key;     /* TEXT_KEY_SIZE bytes; NULL: none */
	struct config_prefixes addresses; /* the client's own, with their lengths */
	/* "vpn.example.org:51820", "192.0.2.1:51820", "[2001:db8::1]:51820"; NULL: none */
	const char *endpoint;
	struct config_prefixes allowed_ips; /* what the client sends into the tunnel */
	const struct address *dns;
	size_t dns_count;
	uint16_t persistent_keepalive; /* seconds; 0: off */
};

/*
 * ERR_INVALID when the endpoint is none. The text may hold keys: give it to client_file_free(),
 * which wipes it. It ends with a newline and a NUL behind its size.
 */
enum err client_file_format(const struct client_file *file, char **out_text, size_t *out_size);
void client_file_free(char *text, size_t size);
