#include "wire/stream_settings.h"

#include "wire/cursor.h"

/*
 *   0    2        4
 *   | id | length | value |   and so on
 *
 *   SHAPING:     profile 1
 *   INTERFACE:   as interface_settings.c has them
 *
 * Sizes are checked by the reader of each value, which has to end where its item does.
 */

static void read_value(struct reader *reader, uint16_t id, struct stream_settings *settings) {
	uint8_t shaping;
	switch (id) {
	case STREAM_SETTING_SHAPING:
		shaping = reader_u8(reader);
		reader_expect(reader,
					  settings->shaping == STREAM_SHAPING_NONE && shaping != STREAM_SHAPING_NONE);
		settings->shaping = shaping;
		break;
	case STREAM_SETTING_INTERFACE + INTERFACE_SETTING_ADDRESS:
	case STREAM_SETTING_INTERFACE + INTERFACE_SETTING_ROUTE:
	case STREAM_SETTING_INTERFACE + INTERFACE_SETTING_SERVER:
	case STREAM_SETTING_INTERFACE + INTERFACE_SETTING_DOMAIN:
	case STREAM_SETTING_INTERFACE + INTERFACE_SETTING_MTU:
		interface_settings_read(reader, (enum interface_setting)(id - STREAM_SETTING_INTERFACE),
								&settings->interface);
		break;
	default:
		reader_skip(reader, reader_left(reader));
	}
}

enum err stream_settings_decode(const uint8_t *data, size_t size,
								struct stream_settings *out_settings) {
	struct stream_settings settings = {.shaping = STREAM_SHAPING_NONE};
	struct reader reader = reader_of(data, size);
	while (reader_left(&reader) > 0) {
		uint16_t id = reader_u16_be(&reader);
		struct slice value = reader_slice(&reader, reader_u16_be(&reader));
		if (reader.error)
			return reader.error;
		struct reader inside = reader_of(value.data, value.size);
		read_value(&inside, id, &settings);
		enum err error = reader_finish(&inside);
		if (error != ERR_OK)
			return error == ERR_LIMIT ? error : ERR_MALFORMED;
	}
	if (stream_shaping_name(settings.shaping) == NULL)
		settings.shaping = STREAM_SHAPING_NONE;
	*out_settings = settings;
	return ERR_OK;
}

static void write_head(struct writer *writer, unsigned id, size_t length) {
	writer_u16_be(writer, (uint16_t)id);
	writer_u16_be(writer, (uint16_t)length);
}

static void write_interface_head(struct writer *writer, enum interface_setting kind,
								 size_t length) {
	write_head(writer, STREAM_SETTING_INTERFACE + kind, length);
}

enum err stream_settings_encode(const struct stream_settings *settings, uint8_t *out_data,
								size_t room, size_t *out_size) {
	const bool shaped = settings->shaping != STREAM_SHAPING_NONE;
	if ((shaped && stream_shaping_name(settings->shaping) == NULL) ||
		!interface_settings_are_valid(&settings->interface))
		return ERR_INVALID;
	struct writer writer = writer_of(out_data, room);
	if (shaped) {
		write_head(&writer, STREAM_SETTING_SHAPING, sizeof settings->shaping);
		writer_u8(&writer, settings->shaping);
	}
	interface_settings_write(&writer, &settings->interface, write_interface_head);
	return writer_finish(&writer, out_size);
}

const char *stream_shaping_name(uint8_t shaping) {
	switch (shaping) {
	case STREAM_SHAPING_PERFORMANCE:
		return "performance";
	case STREAM_SHAPING_BALANCED:
		return "balanced";
	case STREAM_SHAPING_STEALTH:
		return "stealth";
	default:
		return NULL;
	}
}
