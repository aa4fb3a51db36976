#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "conf/wg_quick.h"
#include "conf/wg_quick_value.h"

/* What the parts of the reader of wg-quick's files share: wg_quick.c (lines), wg_quick_key.c
 * (keys and values), wg_quick_name.c (peers' names), wg_quick_check.c (the file as a whole). */

enum {
	WG_QUICK_PEERS_MAX = 1 << 17,
	WG_QUICK_PREFIXES_MAX = 1 << 20, /* AllowedIPs of all peers */
	WG_QUICK_ADDRESSES_MAX = 64,     /* Address; as many as a configuration may have */
	WG_QUICK_DNS_MAX = 8,            /* servers, and search domains; as many as well */
	WG_QUICK_SEARCH_MAX = 32,
	/* A peer without a name is called by so many characters of its key. */
	WG_QUICK_KEY_NAME = 8,
};

enum wg_quick_section { WG_QUICK_NOWHERE, WG_QUICK_INTERFACE, WG_QUICK_PEER };

/* One item of AllowedIPs. */
struct wg_quick_claim {
	struct prefix prefix;
	uint32_t peer;  /* its index */
	uint32_t order; /* in the file */
	unsigned line;
	bool dropped;    /* another one has the prefix */
	unsigned winner; /* its line when it is of another peer, otherwise 0 */
};

/* wg_quick.memory: everything that the structures point to. */
struct wg_quick_memory {
	struct config_peer *peers; /* wiped: pre-shared keys */
	size_t peer_capacity;
	struct prefix *allowed_ips;
	struct prefix *addresses;
	struct address dns[WG_QUICK_DNS_MAX];
	const char *search[WG_QUICK_SEARCH_MAX];
	char *texts; /* names and hosts, one behind the other; as big as all can become */
	size_t texts_used;
};

enum { WG_QUICK_KEYS_MAX = 32 };

struct wg_quick_reader {
	struct wg_quick *file;
	struct wg_quick_memory *memory;
	char *error; /* WG_QUICK_ERROR_SIZE bytes */

	unsigned line;
	enum wg_quick_section section;
	unsigned section_line, interface_line;
	unsigned key_lines[WG_QUICK_KEYS_MAX]; /* where each key of the section stands; 0: nowhere */
	struct config_peer *peer;              /* of the section */

	struct wg_quick_claim *claims;
	size_t claim_count, claim_capacity;
	size_t address_count, address_capacity;

	/* A comment that may be the name of the peer it is followed by, or that it stands in. */
	struct wg_quick_span comment;
	bool comment_is_name;  /* "Name = x": counts more than a plain remark */
	bool comment_adjacent; /* no other line between it and the next one */
	bool peer_named;       /* by "Name = x" */
};

/* "line 7: " and the text as the error of the file; always ERR_INVALID. Never with a secret. */
enum err wg_quick_reader_fail(struct wg_quick_reader *reader, unsigned line, const char *format,
							  ...) __attribute__((format(printf, 3, 4)));

/* A remark on a line. Those beyond WG_QUICK_NOTES_MAX are dropped, and the last one says so. */
void wg_quick_reader_note(struct wg_quick_reader *reader, unsigned line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The span as a string that lives as long as the file. */
const char *wg_quick_reader_text(struct wg_quick_reader *reader, struct wg_quick_span span);

/* wg_quick_key.c: "Key = value" of the current section, without comment. */
enum err wg_quick_key_read(struct wg_quick_reader *reader, struct wg_quick_span line);

/* wg_quick_dns.c: name servers and search domains. */
enum err wg_quick_dns_read(struct wg_quick_reader *reader, struct wg_quick_span value);

/* wg_quick_name.c: a comment with its "#"; the line that follows one; whose name it may become. */
void wg_quick_name_comment(struct wg_quick_reader *reader, struct wg_quick_span comment);
void wg_quick_name_blank_line(struct wg_quick_reader *reader);
void wg_quick_name_peer_begins(struct wg_quick_reader *reader);
void wg_quick_name_key_line(struct wg_quick_reader *reader);
/* The first characters of the key, with a NUL. */
void wg_quick_name_of_key(const uint8_t key[static TEXT_KEY_SIZE],
						  char out_name[static WG_QUICK_KEY_NAME + 1]);
/* Whether it is written the same way that it is read, and fits a configuration. */
bool wg_quick_name_is_good(struct wg_quick_span name);

/* wg_quick_check.c: after the last line. */
enum err wg_quick_check(struct wg_quick_reader *reader);
