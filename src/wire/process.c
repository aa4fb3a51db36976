#include "wire/process.h"

#include <string.h>

#include "wire/cursor.h"
#include "wire/process_codec.h"

/* Whether the header's slot means something: elsewhere it is 0. */
enum slot { SLOT_NONE, SLOT_ANY };

static const struct {
	enum slot slot;
	const struct process_codec *codec; /* NULL: no body */
} rows[PROCESS_TYPE_COUNT] = {
	[PROCESS_START] = {SLOT_NONE, &process_codec_start},
	[PROCESS_PEERING] = {SLOT_NONE, NULL},
	[PROCESS_ATTACH] = {SLOT_ANY, &process_codec_attach},
	[PROCESS_DETACH] = {SLOT_ANY, NULL},
	[PROCESS_LINK] = {SLOT_ANY, &process_codec_link},
	[PROCESS_CONNECTION] = {SLOT_ANY, NULL},
	[PROCESS_LISTENING] = {SLOT_ANY, &process_codec_listening},
	[PROCESS_MARKED] = {SLOT_ANY, &process_codec_marked},
	[PROCESS_SET] = {SLOT_ANY, NULL},
	[PROCESS_GET] = {SLOT_ANY, NULL},
	[PROCESS_TEXT] = {SLOT_ANY, &process_codec_result},
	[PROCESS_EVENT] = {SLOT_ANY, &process_codec_event},
	[PROCESS_CONFIGURE] = {SLOT_NONE, NULL},
	[PROCESS_STATE] = {SLOT_ANY, &process_codec_state},
	[PROCESS_UP] = {SLOT_ANY, &process_codec_order},
	[PROCESS_DOWN] = {SLOT_ANY, &process_codec_order},
	[PROCESS_RELOAD] = {SLOT_NONE, NULL},
	[PROCESS_LOG] = {SLOT_NONE, &process_codec_log},
	[PROCESS_ROUTES] = {SLOT_ANY, NULL},
	[PROCESS_RESULT] = {SLOT_ANY, &process_codec_result},
	[PROCESS_READY] = {SLOT_NONE, NULL},
	[PROCESS_LISTEN] = {SLOT_ANY, &process_codec_listen},
	[PROCESS_MARK] = {SLOT_ANY, &process_codec_mark},
	[PROCESS_JOURNAL] = {SLOT_ANY, NULL},
	[PROCESS_UNLISTEN] = {SLOT_ANY, NULL},
	[PROCESS_STOP] = {SLOT_NONE, NULL},
	[PROCESS_METRICS] = {SLOT_NONE, NULL},
	[PROCESS_NETWORK] = {SLOT_NONE, &process_codec_network},
	[PROCESS_SPLIT] = {SLOT_NONE, &process_codec_split},
	[PROCESS_SOCKET] = {SLOT_NONE, &process_codec_socket},
	[PROCESS_ENDPOINT] = {SLOT_ANY, &process_codec_endpoint},
	[PROCESS_UPSTREAM] = {SLOT_ANY, &process_codec_upstream},
	[PROCESS_STEP] = {SLOT_NONE, NULL},
	[PROCESS_STREAM] = {SLOT_ANY, &process_codec_upstream},
	[PROCESS_ADDRESSES] = {SLOT_ANY, &process_codec_addresses},
	[PROCESS_RESOLVERS] = {SLOT_NONE, &process_codec_resolvers},
	[PROCESS_SOCKETS] = {SLOT_ANY, &process_codec_sockets},
	[PROCESS_RESOLVE] = {SLOT_ANY, &process_codec_resolve},
	[PROCESS_RESOLVED] = {SLOT_ANY, &process_codec_resolved},
	[PROCESS_STRANGER] = {SLOT_ANY, &process_codec_stranger},
	[PROCESS_SITE] = {SLOT_ANY, NULL},
	[PROCESS_BACKEND] = {SLOT_ANY, NULL},
	[PROCESS_SETTINGS] = {SLOT_ANY, &process_codec_settings},
	[PROCESS_LOGIN] = {SLOT_ANY, &process_codec_login},
	[PROCESS_ABANDON] = {SLOT_ANY, &process_codec_login},
	[PROCESS_VERDICT] = {SLOT_ANY, &process_codec_verdict},
	[PROCESS_TICKET] = {SLOT_ANY, &process_codec_ticket},
	[PROCESS_USED] = {SLOT_ANY, &process_codec_used},
};

bool process_codec_name_is_valid(const char name[static PROCESS_NAME_SIZE], bool may_be_empty) {
	size_t size = strnlen(name, PROCESS_NAME_SIZE);
	if ((size == 0 && !may_be_empty) || size == PROCESS_NAME_SIZE)
		return false;
	for (size_t i = size; i < PROCESS_NAME_SIZE; i++)
		if (name[i] != '\0')
			return false;
	return true;
}

void process_codec_read_text(struct reader *reader, char out_text[static PROCESS_TEXT_SIZE]) {
	uint16_t size = reader_u16_be(reader);
	reader_expect(reader, size < PROCESS_TEXT_SIZE);
	if (reader->error)
		return;
	reader_bytes(reader, out_text, size);
	out_text[size] = '\0';
	reader_expect(reader, strlen(out_text) == size);
}

void process_codec_write_text(struct writer *writer, const char text[static PROCESS_TEXT_SIZE]) {
	size_t size = strnlen(text, PROCESS_TEXT_SIZE);
	writer_u16_be(writer, (uint16_t)size);
	writer_bytes(writer, text, size);
}

bool process_codec_text_is_valid(const char text[static PROCESS_TEXT_SIZE]) {
	return strnlen(text, PROCESS_TEXT_SIZE) < PROCESS_TEXT_SIZE;
}

static bool is_valid(const struct process_message *message) {
	if (message->type >= PROCESS_TYPE_COUNT || message->tunnel >= PROCESS_TUNNELS_MAX)
		return false;
	if (rows[message->type].slot == SLOT_NONE && message->tunnel != 0)
		return false;
	const struct process_codec *codec = rows[message->type].codec;
	return !codec || codec->is_valid(message);
}

enum err process_decode(const uint8_t *data, size_t size, struct process_message *out_message) {
	struct reader reader = reader_of(data, size);
	uint8_t version = reader_u8(&reader);
	if (!reader.error && version != PROCESS_VERSION)
		reader_fail(&reader, ERR_UNSUPPORTED);
	struct process_message message = {0};
	uint8_t type = reader_u8(&reader);
	reader_expect(&reader, type < PROCESS_TYPE_COUNT);
	message.type = type;
	message.request = reader_u16_be(&reader);
	message.tunnel = reader_u16_be(&reader);
	if (!reader.error && rows[type].codec)
		rows[type].codec->read(&reader, &message);
	enum err error = reader_finish(&reader);
	if (error)
		return error;
	if (!is_valid(&message))
		return ERR_MALFORMED;
	*out_message = message;
	return ERR_OK;
}

enum err process_encode(const struct process_message *message,
						uint8_t out_data[static PROCESS_MESSAGE_MAX], size_t *out_size) {
	if (!is_valid(message))
		return ERR_INVALID;
	struct writer writer = writer_of(out_data, PROCESS_MESSAGE_MAX);
	writer_u8(&writer, PROCESS_VERSION);
	writer_u8(&writer, (uint8_t)message->type);
	writer_u16_be(&writer, message->request);
	writer_u16_be(&writer, message->tunnel);
	if (rows[message->type].codec)
		rows[message->type].codec->write(&writer, message);
	return writer_finish(&writer, out_size);
}
