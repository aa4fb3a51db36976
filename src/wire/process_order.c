#include "wire/process_codec.h"

#include "base/log.h"

/* What processes are started with, what they order of each other, and how it went. */

/* START: | name 16 | log level 1 | log json 1 | */

static void read_start(struct reader *reader, struct process_message *out_message) {
	reader_bytes(reader, out_message->start.name, PROCESS_NAME_SIZE);
	out_message->start.log_level = reader_u8(reader);
	out_message->start.log_json = reader_u8(reader);
}

static void write_start(struct writer *writer, const struct process_message *message) {
	writer_bytes(writer, message->start.name, PROCESS_NAME_SIZE);
	writer_u8(writer, message->start.log_level);
	writer_u8(writer, message->start.log_json);
}

static bool start_is_valid(const struct process_message *message) {
	return process_codec_name_is_valid(message->start.name, true) &&
		   message->start.log_level <= LOG_DEBUG && message->start.log_json <= 1;
}

const struct process_codec process_codec_start = {read_start, write_start, start_is_valid};

/* STATE: | name 16 | state 1 | kill switch 1 | restored 4 | text | */

static void read_state(struct reader *reader, struct process_message *out_message) {
	reader_bytes(reader, out_message->state.name, PROCESS_NAME_SIZE);
	out_message->state.state = reader_u8(reader);
	out_message->state.kill_switch = reader_u8(reader);
	out_message->state.restored = reader_u32_be(reader);
	process_codec_read_text(reader, out_message->state.text);
}

static void write_state(struct writer *writer, const struct process_message *message) {
	writer_bytes(writer, message->state.name, PROCESS_NAME_SIZE);
	writer_u8(writer, message->state.state);
	writer_u8(writer, message->state.kill_switch);
	writer_u32_be(writer, message->state.restored);
	process_codec_write_text(writer, message->state.text);
}

static bool state_is_valid(const struct process_message *message) {
	return process_codec_name_is_valid(message->state.name, false) &&
		   message->state.state <= PROCESS_STATE_FAILED && message->state.kill_switch <= 1 &&
		   process_codec_text_is_valid(message->state.text);
}

const struct process_codec process_codec_state = {read_state, write_state, state_is_valid};

/* UP, DOWN: | name 16 | */

static void read_order(struct reader *reader, struct process_message *out_message) {
	reader_bytes(reader, out_message->order.name, PROCESS_NAME_SIZE);
}

static void write_order(struct writer *writer, const struct process_message *message) {
	writer_bytes(writer, message->order.name, PROCESS_NAME_SIZE);
}

static bool order_is_valid(const struct process_message *message) {
	return process_codec_name_is_valid(message->order.name, false);
}

const struct process_codec process_codec_order = {read_order, write_order, order_is_valid};

/* SPLIT: | name 16 |, which may be empty */

static bool split_is_valid(const struct process_message *message) {
	return process_codec_name_is_valid(message->order.name, true);
}

const struct process_codec process_codec_split = {read_order, write_order, split_is_valid};

/* LOG: | level 1 | */

static void read_log(struct reader *reader, struct process_message *out_message) {
	out_message->log.level = reader_u8(reader);
}

static void write_log(struct writer *writer, const struct process_message *message) {
	writer_u8(writer, message->log.level);
}

static bool log_is_valid(const struct process_message *message) {
	return message->log.level <= LOG_DEBUG;
}

const struct process_codec process_codec_log = {read_log, write_log, log_is_valid};

/* NETWORK: | changes 1 | */

enum { CHANGES_ALL = PROCESS_CHANGE_ROUTES | PROCESS_CHANGE_RESUMED | PROCESS_CHANGE_CLOCK };

static void read_network(struct reader *reader, struct process_message *out_message) {
	out_message->network.changes = reader_u8(reader);
}

static void write_network(struct writer *writer, const struct process_message *message) {
	writer_u8(writer, message->network.changes);
}

static bool network_is_valid(const struct process_message *message) {
	return message->network.changes != 0 && (message->network.changes & ~CHANGES_ALL) == 0;
}

const struct process_codec process_codec_network = {read_network, write_network, network_is_valid};

/* SOCKET: | family 1 | stream 1 | */

static void read_socket(struct reader *reader, struct process_message *out_message) {
	out_message->socket.family = reader_u8(reader);
	out_message->socket.stream = process_codec_read_bool(reader);
}

static void write_socket(struct writer *writer, const struct process_message *message) {
	writer_u8(writer, message->socket.family);
	writer_u8(writer, message->socket.stream);
}

static bool socket_is_valid(const struct process_message *message) {
	return message->socket.family == 4 || message->socket.family == 6;
}

const struct process_codec process_codec_socket = {read_socket, write_socket, socket_is_valid};

/* RESULT, TEXT: | error 4 | text | */

static void read_result(struct reader *reader, struct process_message *out_message) {
	out_message->result.error = reader_u32_be(reader);
	process_codec_read_text(reader, out_message->result.text);
}

static void write_result(struct writer *writer, const struct process_message *message) {
	writer_u32_be(writer, message->result.error);
	process_codec_write_text(writer, message->result.text);
}

static bool result_is_valid(const struct process_message *message) {
	return message->result.error <= PROCESS_CODEC_ERRNO_MAX &&
		   process_codec_text_is_valid(message->result.text);
}

const struct process_codec process_codec_result = {read_result, write_result, result_is_valid};
