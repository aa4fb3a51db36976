#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "conf/config.h"
#include "conf/schema.h"

/*
 * Texts of single values. Each returns NULL when it was good, and otherwise what is wrong with it
 * in words that follow the value: "is no number". Results are untouched then.
 */

const char *value_parse_bool(const char *text, bool *out_value);
const char *value_parse_choice(const struct schema_row *row, const char *text, size_t *out_index);
/* auto, off or a number, as the row allows. */
const char *value_parse_number(const struct schema_row *row, const char *text,
							   struct config_choice *out_value);
const char *value_parse_seconds(const struct schema_row *row, const char *text,
								uint16_t *out_value);
/* loopback: a port alone is one of 127.0.0.1, not of all addresses. */
const char *value_parse_listen(const char *text, bool loopback, struct endpoint *out_endpoint);
/* *out_host is the first *out_size characters at *out_name, and the port. */
const char *value_parse_host(const char *text, const char **out_name, size_t *out_size,
							 uint16_t *out_port);
/* "Corp.Example.org." into a lower-case copy without its last dot; out_name has this room. */
enum { VALUE_NAME_SIZE = CONFIG_HOST_MAX + 1 };
const char *value_parse_name(const char *text, char out_name[static VALUE_NAME_SIZE]);
const char *value_parse_address(const char *text, struct address *out_address);
/* Host bits stay. The second takes only what a host can have: no group, not :: or 0.0.0.0. */
const char *value_parse_network(const char *text, struct prefix *out_prefix);
const char *value_parse_interface(const char *text, struct prefix *out_prefix);
/* value_parse_streams.c; maximum is of characters. */
const char *value_parse_token(const char *text, size_t maximum);
const char *value_parse_url_path(const char *text, size_t maximum);
const char *value_parse_origin(const char *text, struct endpoint *out_endpoint);
/* A domain name as value_parse_name(), or an address in its usual form. */
const char *value_parse_server_name(const char *text, char out_name[static VALUE_NAME_SIZE]);
/* Of streams, or where others may have the key as well, of packets. */
const char *value_parse_rule(const struct schema_row *row, const char *text);
const char *value_parse_pin(const char *text, struct config_pin *out_pin);
const char *value_parse_key(const char *text, uint8_t out_key[static TEXT_KEY_SIZE]);
