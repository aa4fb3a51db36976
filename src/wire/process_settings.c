#include "wire/process_settings.h"

#include "wire/cursor.h"
#include "wire/process_codec.h"

/* SETTINGS: | public key 32 | */

static void read_settings(struct reader *reader, struct process_message *out_message) {
	reader_bytes(reader, out_message->settings.public_key, PROCESS_KEY_SIZE);
}

static void write_settings(struct writer *writer, const struct process_message *message) {
	writer_bytes(writer, message->settings.public_key, PROCESS_KEY_SIZE);
}

static bool settings_are_valid(const struct process_message *message) {
	return true;
}

const struct process_codec process_codec_settings = {read_settings, write_settings,
													 settings_are_valid};

/*
 * Its memory:
 *
 *   0         1      2        4
 *   | version | type | length | value |   and so on: interface_settings.c has types and values
 */

enum err process_settings_decode(const uint8_t *data, size_t size,
								 struct interface_settings *out_settings) {
	struct interface_settings settings = {.mtu = 0};
	struct reader reader = reader_of(data, size);
	uint8_t version = reader_u8(&reader);
	if (!reader.error && version != PROCESS_SETTINGS_VERSION)
		reader_fail(&reader, ERR_UNSUPPORTED);
	while (!reader.error && reader_left(&reader) > 0) {
		uint8_t type = reader_u8(&reader);
		struct slice value = reader_slice(&reader, reader_u16_be(&reader));
		reader_expect(&reader, type >= INTERFACE_SETTING_ADDRESS && type <= INTERFACE_SETTING_MTU);
		if (reader.error)
			break;
		struct reader inside = reader_of(value.data, value.size);
		interface_settings_read(&inside, (enum interface_setting)type, &settings);
		enum err error = reader_finish(&inside);
		if (error)
			return error == ERR_LIMIT ? error : ERR_MALFORMED;
	}
	if (reader.error)
		return reader.error;
	*out_settings = settings;
	return ERR_OK;
}

static void write_head(struct writer *writer, enum interface_setting kind, size_t length) {
	writer_u8(writer, (uint8_t)kind);
	writer_u16_be(writer, (uint16_t)length);
}

enum err process_settings_encode(const struct interface_settings *settings,
								 uint8_t out_data[static PROCESS_SETTINGS_SIZE_MAX],
								 size_t *out_size) {
	if (!interface_settings_are_valid(settings))
		return ERR_INVALID;
	struct writer writer = writer_of(out_data, PROCESS_SETTINGS_SIZE_MAX);
	writer_u8(&writer, PROCESS_SETTINGS_VERSION);
	interface_settings_write(&writer, settings, write_head);
	return writer_finish(&writer, out_size);
}
