#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wire/cursor.h"
#include "wire/process.h"

/* Bodies of the messages of process.h, one family a file; process.c puts the header before them. */

enum { PROCESS_CODEC_ERRNO_MAX = 4095 /* the kernel's MAX_ERRNO */ };

struct process_codec {
	void (*read)(struct reader *reader, struct process_message *out_message);
	void (*write)(struct writer *writer, const struct process_message *message);
	/* The rules that hold in both directions. */
	bool (*is_valid)(const struct process_message *message);
};

/* process_tunnel.c */
extern const struct process_codec process_codec_attach;
extern const struct process_codec process_codec_link;
extern const struct process_codec process_codec_listen;
extern const struct process_codec process_codec_listening;
extern const struct process_codec process_codec_mark;
extern const struct process_codec process_codec_marked;
extern const struct process_codec process_codec_event;
extern const struct process_codec process_codec_endpoint;
extern const struct process_codec process_codec_resolvers;

/* process_order.c */
extern const struct process_codec process_codec_start;
extern const struct process_codec process_codec_state;
extern const struct process_codec process_codec_order;
extern const struct process_codec process_codec_split;
extern const struct process_codec process_codec_log;
extern const struct process_codec process_codec_network;
extern const struct process_codec process_codec_socket;
extern const struct process_codec process_codec_result;

/* process_step.c */
extern const struct process_codec process_codec_upstream;
extern const struct process_codec process_codec_addresses;

/* process_stream.c */
extern const struct process_codec process_codec_sockets;
extern const struct process_codec process_codec_resolve;
extern const struct process_codec process_codec_resolved;
extern const struct process_codec process_codec_stranger;

/* process_settings.c */
extern const struct process_codec process_codec_settings;

/* process_login.c */
extern const struct process_codec process_codec_login;
extern const struct process_codec process_codec_verdict;
extern const struct process_codec process_codec_ticket;
extern const struct process_codec process_codec_used;

/* A text, wherever it stands: | size 2 | bytes, none of them NUL |; it is ended by a NUL here. */
void process_codec_read_text(struct reader *reader, char out_text[static PROCESS_TEXT_SIZE]);
void process_codec_write_text(struct writer *writer, const char text[static PROCESS_TEXT_SIZE]);
bool process_codec_text_is_valid(const char text[static PROCESS_TEXT_SIZE]);

/* Ended by a NUL, and only zeros behind it. */
bool process_codec_name_is_valid(const char name[static PROCESS_NAME_SIZE], bool may_be_empty);

/* 0 or 1, anything else is malformed. */
static inline bool process_codec_read_bool(struct reader *reader) {
	uint8_t value = reader_u8(reader);
	reader_expect(reader, value <= 1);
	return value == 1;
}
