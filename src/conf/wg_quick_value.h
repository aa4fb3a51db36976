#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"

/* The values of wg-quick's keys. A span is a part of the file's text, without a NUL. */

struct wg_quick_span {
	const char *data;
	size_t size;
};

/* Without blanks at either end. */
struct wg_quick_span wg_quick_value_trim(struct wg_quick_span span);

/* Letters of either case are the same. */
bool wg_quick_value_is(struct wg_quick_span value, const char *word);
bool wg_quick_value_begins(struct wg_quick_span value, const char *word);
bool wg_quick_value_has(struct wg_quick_span value, const char *word);

/* Takes the next item of a list, whose items have commas or blanks between them; false: none. */
bool wg_quick_value_next(struct wg_quick_span *list, struct wg_quick_span *out_item);

/* Decimal, or hexadecimal behind "0x"; ERR_INVALID. */
enum err wg_quick_value_number(struct wg_quick_span value, uint64_t maximum, uint64_t *out_number);

/* "10.0.0.1/24" or an address alone. Host bits stay; *out_host_bits: there are some. */
enum err wg_quick_value_prefix(struct wg_quick_span value, struct prefix *out_prefix,
							   bool *out_host_bits);

/*
 * "host:port" with the host's part of the span, without brackets. Port 1..65535. A v6 address may
 * lack its brackets: the port is then behind the last colon.
 */
enum err wg_quick_value_host(struct wg_quick_span value, struct wg_quick_span *out_host,
							 uint16_t *out_port);
