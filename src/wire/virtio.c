#include "wire/virtio.h"

#include "wire/cursor.h"

/* The cursor has no reads in the machine's own order: this header alone never leaves the machine.
 */
static uint16_t read_u16_native(struct reader *reader) {
	uint16_t value;
	reader_bytes(reader, &value, sizeof value);
	return value;
}

static void write_u16_native(struct writer *writer, uint16_t value) {
	writer_bytes(writer, &value, sizeof value);
}

/*
 *   0         1              2         4          6            8             10
 *   | flags 1 | ECN gso_type | hdr_len | gso_size | csum_start | csum_offset |
 */
enum err virtio_decode(const uint8_t data[static VIRTIO_HEADER_SIZE], struct virtio_header *out) {
	struct reader reader = reader_of(data, VIRTIO_HEADER_SIZE);
	struct virtio_header header;
	header.flags = reader_u8(&reader);
	uint8_t type = reader_u8(&reader);
	header.gso_type = type & (uint8_t)~VIRTIO_GSO_ECN;
	header.ecn = type & VIRTIO_GSO_ECN;
	header.header_size = read_u16_native(&reader);
	header.gso_size = read_u16_native(&reader);
	header.checksum_start = read_u16_native(&reader);
	header.checksum_offset = read_u16_native(&reader);
	switch (header.gso_type) {
	case VIRTIO_GSO_NONE:
	case VIRTIO_GSO_TCP_V4:
	case VIRTIO_GSO_TCP_V6:
	case VIRTIO_GSO_UDP:
		*out = header;
		return ERR_OK;
	default:
		return ERR_MALFORMED;
	}
}

void virtio_encode(const struct virtio_header *header,
				   uint8_t out_data[static VIRTIO_HEADER_SIZE]) {
	struct writer writer = writer_of(out_data, VIRTIO_HEADER_SIZE);
	writer_u8(&writer, header->flags);
	writer_u8(&writer, header->gso_type | (header->ecn ? VIRTIO_GSO_ECN : 0));
	write_u16_native(&writer, header->header_size);
	write_u16_native(&writer, header->gso_size);
	write_u16_native(&writer, header->checksum_start);
	write_u16_native(&writer, header->checksum_offset);
}
