/*
 * Streams of packets through the coalescer; what it writes is cut again and must be what went in.
 * An instruction of eight bytes makes a packet of one of four flows and may change one of its
 * bytes:
 *
 *   | flow, version, protocol, flush, refuse 1 | TCP flags 1 | payload size 2 | advance 1 |
 *   | changed: offset 1, XOR 1 | checksums 1 |
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "engine/recut.h"
#include "wire/ip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	INSTRUCTION_SIZE = 8,
	PACKETS_MAX = 200,
	PAYLOAD_MAX = 4096,
	FLOW_MASK = 3,
	OP_V6 = 4,
	OP_UDP = 8,
	OP_DF = 16,
	OP_FLUSH = 32,
	OP_NO_OPTIONS = 64,
	OP_REFUSE = 128, /* super-packets until the next without it */
};

struct stream {
	struct recut recut;
	struct coalescer *coalescer;
	uint8_t *packets[PACKETS_MAX]; /* each in a block of its own, so that sanitizers see its end */
	size_t count;
	bool refuse;
	uint32_t sequences[FLOW_MASK + 1];
	uint8_t built[PAYLOAD_MAX + 128];
};

static enum err write_or_refuse(void *context, const struct iovec *iovecs, int count) {
	struct stream *stream = context;
	struct virtio_header header;
	if (stream->refuse && virtio_decode(iovecs[0].iov_base, &header) == ERR_OK &&
		header.gso_type != VIRTIO_GSO_NONE)
		return ERR_INVALID;
	return recut_write(&stream->recut, iovecs, count);
}

static void flush(struct stream *stream) {
	coalescer_flush(stream->coalescer);
	recut_finish(&stream->recut);
	for (size_t i = 0; i < stream->count; i++)
		free(stream->packets[i]);
	stream->count = 0;
	if (stream->recut.failure)
		abort();
}

static void add(struct stream *stream, size_t size) {
	struct ip_packet parsed;
	if (ip_parse(stream->built, size, &parsed) != ERR_OK)
		return;
	if (stream->count == PACKETS_MAX)
		flush(stream);
	uint8_t *packet = malloc(parsed.size);
	if (!packet)
		return;
	memcpy(packet, stream->built, parsed.size);
	if (recut_expect(&stream->recut, packet, parsed.size)) {
		stream->packets[stream->count++] = packet;
		coalescer_add(stream->coalescer, packet, parsed.size);
	} else {
		free(packet);
	}
}

static void run(struct stream *stream, const uint8_t *instruction) {
	static uint8_t payload[PAYLOAD_MAX];
	uint8_t flow = instruction[0] & FLOW_MASK;
	stream->refuse = instruction[0] & OP_REFUSE;
	size_t payload_size = (size_t)packets_u16(instruction + 2) % PAYLOAD_MAX;
	struct packet_spec spec = {
		.v6 = instruction[0] & OP_V6,
		.protocol = instruction[0] & OP_UDP ? PACKETS_UDP : PACKETS_TCP,
		.do_not_fragment = instruction[0] & OP_DF,
		.options_size = instruction[0] & OP_NO_OPTIONS ? 0 : 12,
		.ttl = 64,
		.source_port = flow,
		.destination_port = 443,
		.id = (uint16_t)stream->recut.in_count,
		.sequence = stream->sequences[flow],
		.flags = instruction[1] ^ 16, /* ACK unless the input says otherwise */
	};
	memset(payload, stream->recut.in_count & 0xff, payload_size);
	size_t size = packets_build(&spec, payload, payload_size, stream->built);
	stream->sequences[flow] += (uint32_t)payload_size + instruction[4];
	stream->built[instruction[5] % size] ^= instruction[6];
	/* Damaged length fields are for the coalescer to find; the sums are computed for what they say.
	 */
	struct ip_packet parsed;
	if (instruction[7] & 1 && instruction[6] && ip_parse(stream->built, size, &parsed) == ERR_OK &&
		(parsed.protocol == PACKETS_TCP || parsed.protocol == PACKETS_UDP) &&
		parsed.size >= parsed.header_size + 20U)
		packets_complete(stream->built, parsed.size);
	add(stream, size);
	if (instruction[0] & OP_FLUSH)
		flush(stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct stream stream; /* too large for the stack */
	memset(&stream, 0, offsetof(struct stream, recut.plan));
	stream.count = 0;
	stream.refuse = false;
	memset(stream.sequences, 0, sizeof stream.sequences);
	const struct coalesce_sink sink = {.write = write_or_refuse, .context = &stream};
	const struct coalesce_options options = {.tcp = true, .udp = true};
	if (coalescer_new(&options, &sink, &stream.coalescer) != ERR_OK)
		return 0;
	for (; size >= INSTRUCTION_SIZE; data += INSTRUCTION_SIZE, size -= INSTRUCTION_SIZE)
		run(&stream, data);
	flush(&stream);
	coalescer_free(stream.coalescer);
	return 0;
}
