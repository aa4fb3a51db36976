#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "conf/config.h"

/* A growing text that may hold keys: whatever memory it leaves is wiped. Zeroed is empty. */
struct wg_quick_text {
	char *data;
	size_t size, capacity;
	enum err error; /* sticky */
};

void wg_quick_text_add(struct wg_quick_text *text, const char *part);
void wg_quick_text_format(struct wg_quick_text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3))); /* short pieces, no keys */
void wg_quick_text_key(struct wg_quick_text *text, const uint8_t key[static TEXT_KEY_SIZE]);
void wg_quick_text_prefix(struct wg_quick_text *text, const struct prefix *prefix);
void wg_quick_text_address(struct wg_quick_text *text, const struct address *address);
/* "host:port", with brackets around a v6 address. */
void wg_quick_text_host(struct wg_quick_text *text, const struct config_host *host);

/* Hands the text over with a NUL behind it, or wipes it and returns its error. */
enum err wg_quick_text_take(struct wg_quick_text *text, char **out_text, size_t *out_size);
