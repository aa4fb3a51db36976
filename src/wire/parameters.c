#include "wire/parameters.h"

#include "wire/cursor.h"

/*
 *   0      1        3
 *   | type | length | value |   and so on
 *
 *   ADDRESS to MTU:   as interface_settings.c has them
 *   KEEPALIVE:        s 2
 *   REKEY_SECONDS:    s 4
 *   REKEY_PACKETS:    packets 4
 *   TICKET:           id 16, lifetime in s 4
 *
 * Sizes are checked by the reader of each value, which has to end where its item does.
 */

static void read_ticket(struct reader *reader, struct parameters *parameters) {
	reader_expect(reader, !parameters->has_ticket);
	parameters->has_ticket = true;
	reader_bytes(reader, parameters->ticket_id, sizeof parameters->ticket_id);
	parameters->ticket_lifetime = reader_u32_be(reader);
	reader_expect(reader, parameters->ticket_lifetime > 0);
}

static void read_value(struct reader *reader, uint8_t type, struct parameters *parameters) {
	switch (type) {
	case INTERFACE_SETTING_ADDRESS:
	case INTERFACE_SETTING_ROUTE:
	case INTERFACE_SETTING_SERVER:
	case INTERFACE_SETTING_DOMAIN:
	case INTERFACE_SETTING_MTU:
		interface_settings_read(reader, (enum interface_setting)type, &parameters->interface);
		break;
	case PARAMETER_KEEPALIVE:
		reader_expect(reader, parameters->keepalive == 0);
		parameters->keepalive = reader_u16_be(reader);
		reader_expect(reader, parameters->keepalive > 0);
		break;
	case PARAMETER_REKEY_SECONDS:
		reader_expect(reader, parameters->rekey_seconds == 0);
		parameters->rekey_seconds = reader_u32_be(reader);
		reader_expect(reader, parameters->rekey_seconds > 0);
		break;
	case PARAMETER_REKEY_PACKETS:
		reader_expect(reader, parameters->rekey_packets == 0);
		parameters->rekey_packets = reader_u32_be(reader);
		reader_expect(reader, parameters->rekey_packets > 0 &&
								  parameters->rekey_packets <= PARAMETERS_REKEY_PACKETS_MAX);
		break;
	case PARAMETER_TICKET:
		read_ticket(reader, parameters);
		break;
	default:
		reader_skip(reader, reader_left(reader));
	}
}

enum err parameters_decode(const uint8_t *data, size_t size, struct parameters *out_parameters) {
	struct parameters parameters = {0};
	struct reader reader = reader_of(data, size);
	while (reader_left(&reader) > 0) {
		uint8_t type = reader_u8(&reader);
		struct slice value = reader_slice(&reader, reader_u16_be(&reader));
		if (reader.error)
			return reader.error;
		struct reader inside = reader_of(value.data, value.size);
		read_value(&inside, type, &parameters);
		enum err error = reader_finish(&inside);
		if (error != ERR_OK)
			return error == ERR_LIMIT ? error : ERR_MALFORMED;
	}
	*out_parameters = parameters;
	return ERR_OK;
}

static void write_head(struct writer *writer, unsigned type, size_t length) {
	writer_u8(writer, (uint8_t)type);
	writer_u16_be(writer, (uint16_t)length);
}

static void write_interface_head(struct writer *writer, enum interface_setting kind,
								 size_t length) {
	write_head(writer, kind, length);
}

static void write_u32(struct writer *writer, enum parameter type, uint32_t value) {
	if (value == 0)
		return;
	write_head(writer, type, sizeof value);
	writer_u32_be(writer, value);
}

enum err parameters_encode(const struct parameters *parameters, uint8_t *out_data, size_t room,
						   size_t *out_size) {
	if (!interface_settings_are_valid(&parameters->interface) ||
		parameters->rekey_packets > PARAMETERS_REKEY_PACKETS_MAX ||
		(parameters->has_ticket && parameters->ticket_lifetime == 0))
		return ERR_INVALID;
	struct writer writer = writer_of(out_data, room);
	interface_settings_write(&writer, &parameters->interface, write_interface_head);
	if (parameters->keepalive != 0) {
		write_head(&writer, PARAMETER_KEEPALIVE, sizeof parameters->keepalive);
		writer_u16_be(&writer, parameters->keepalive);
	}
	write_u32(&writer, PARAMETER_REKEY_SECONDS, parameters->rekey_seconds);
	write_u32(&writer, PARAMETER_REKEY_PACKETS, parameters->rekey_packets);
	if (parameters->has_ticket) {
		write_head(&writer, PARAMETER_TICKET,
				   sizeof parameters->ticket_id + sizeof parameters->ticket_lifetime);
		writer_bytes(&writer, parameters->ticket_id, sizeof parameters->ticket_id);
		writer_u32_be(&writer, parameters->ticket_lifetime);
	}
	return writer_finish(&writer, out_size);
}
