#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/slice.h"
#include "wire/dns.h"

/* DNS messages written by hand, byte by byte as RFC 1035 has them. */

struct dns_text {
	uint8_t data[2048];
	size_t size;
};

static inline void put(struct dns_text *text, const void *data, size_t size) {
	assert_true(text->size + size <= sizeof text->data);
	memcpy(text->data + text->size, data, size);
	text->size += size;
}

static inline void put_u16(struct dns_text *text, unsigned value) {
	put(text, (uint8_t[]){(uint8_t)(value >> 8), (uint8_t)value}, 2);
}

/* "www.example.org" label by label; "" is the root. */
static inline void put_name(struct dns_text *text, const char *name) {
	while (*name) {
		size_t size = strcspn(name, ".");
		put(text, &(uint8_t){(uint8_t)size}, 1);
		put(text, name, size);
		name += size + (name[size] == '.');
	}
	put(text, "", 1);
}

static inline void put_pointer(struct dns_text *text, unsigned target) {
	put_u16(text, 0xc000 | target);
}

static inline struct dns_text message_of(unsigned id, unsigned flags, unsigned answers) {
	struct dns_text text = {.size = 0};
	const unsigned words[] = {id, flags, 1, answers, 0, 0};
	for (size_t i = 0; i < 6; i++)
		put_u16(&text, words[i]);
	return text;
}

static inline struct dns_text query_of(unsigned id, const char *name, unsigned type) {
	struct dns_text text = message_of(id, DNS_FLAG_RECURSION_DESIRED, 0);
	put_name(&text, name);
	put_u16(&text, type);
	put_u16(&text, DNS_CLASS_IN);
	return text;
}

static inline struct dns_text answer_of(unsigned id, const char *name, unsigned type,
										unsigned answers) {
	struct dns_text text = message_of(
		id, DNS_FLAG_ANSWER | DNS_FLAG_RECURSION_DESIRED | DNS_FLAG_RECURSION_AVAILABLE, answers);
	put_name(&text, name);
	put_u16(&text, type);
	put_u16(&text, DNS_CLASS_IN);
	return text;
}

/* Behind the owner's name. */
static inline void put_record(struct dns_text *text, unsigned type, unsigned ttl, const void *data,
							  size_t size) {
	put_u16(text, type);
	put_u16(text, DNS_CLASS_IN);
	put_u16(text, ttl >> 16);
	put_u16(text, ttl);
	put_u16(text, (unsigned)size);
	put(text, data, size);
}

/* With an owner written out. */
static inline void put_a(struct dns_text *text, const char *owner, unsigned ttl, uint8_t last) {
	put_name(text, owner);
	put_record(text, DNS_TYPE_A, ttl, (uint8_t[]){192, 0, 2, last}, 4);
}

static inline void put_cname(struct dns_text *text, const char *owner, unsigned ttl,
							 const char *target) {
	struct dns_text data = {.size = 0};
	put_name(&data, target);
	put_name(text, owner);
	put_record(text, DNS_TYPE_CNAME, ttl, data.data, data.size);
}
