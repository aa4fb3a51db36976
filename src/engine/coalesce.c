#include "engine/coalesce.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "wire/checksum.h"
#include "wire/ip.h"
#include "wire/packet.h"
#include "wire/virtio.h"

enum {
	KEY_WORDS = 5,
	V4_PLAIN = 0x45, /* version 4, header of 20 bytes */
	V4_FRAGMENT = PACKET_V4_MORE_FRAGMENTS | PACKET_V4_FRAGMENT_OFFSET,
	IOVECS = 1 + COALESCE_SEGMENTS,
};

/* Addresses, ports, protocol and version, for one comparison of 40 bytes. */
struct flow_key {
	uint64_t words[KEY_WORDS];
};

/* What is known of the packet at hand. */
struct candidate {
	uint8_t *packet;
	uint32_t size;
	uint8_t ip_header_size, protocol, headers;
	bool v6;
	struct flow_key key;
};

struct flow {
	struct flow_key key;
	uint8_t *first; /* the first packet, whose headers become those of all */
	uint32_t size;  /* of the super-packet */
	uint16_t payload;
	uint16_t count;
	uint8_t ip_header_size, protocol, headers;
	bool v6;
	uint32_t next_sequence;         /* TCP */
	uint16_t ip_checksum, checksum; /* of the first packet, before it was completed for all */
	uint8_t virtio[VIRTIO_HEADER_SIZE];
	struct iovec iovecs[IOVECS];
};

/* One protocol's joining; the shard's thread alone changes it. */
struct joining {
	_Atomic bool enabled;
	uint8_t refusals; /* see COALESCE_REFUSALS */
};

struct coalescer {
	struct joining tcp, udp;
	struct coalesce_sink sink;
	unsigned open_count;
	struct flow *recent;               /* the open one that was added to last, or NULL */
	struct flow *open[COALESCE_FLOWS]; /* the oldest first; behind open_count the free ones */
	struct flow flows[COALESCE_FLOWS];
};

/* What is to happen to a packet. */
enum verdict {
	PASS,                 /* no open super-packet can be of its flow */
	PASS_AFTER_FLOW,      /* its flow is known, but it joins nothing */
	PASS_AFTER_ADDRESSES, /* its ports are not known: any flow of its addresses may be its own */
	MAY_JOIN,
};

enum err coalescer_new(const struct coalesce_options *options, const struct coalesce_sink *sink,
					   struct coalescer **out_coalescer) {
	struct coalescer *coalescer = calloc(1, sizeof *coalescer);
	if (!coalescer)
		return ERR_NO_MEMORY;
	atomic_init(&coalescer->tcp.enabled, options->tcp);
	atomic_init(&coalescer->udp.enabled, options->udp);
	coalescer->sink = *sink;
	for (size_t i = 0; i < COALESCE_FLOWS; i++)
		coalescer->open[i] = &coalescer->flows[i];
	*out_coalescer = coalescer;
	return ERR_OK;
}

void coalescer_free(struct coalescer *coalescer) {
	free(coalescer);
}

static bool is_enabled(const struct joining *joining) {
	return atomic_load_explicit(&joining->enabled, memory_order_relaxed);
}

struct coalesce_options coalescer_options(const struct coalescer *coalescer) {
	return (struct coalesce_options){
		.tcp = is_enabled(&coalescer->tcp),
		.udp = is_enabled(&coalescer->udp),
	};
}

static struct joining *joining_of(struct coalescer *coalescer, uint8_t protocol) {
	return protocol == IP_PROTOCOL_TCP ? &coalescer->tcp : &coalescer->udp;
}

static bool same_addresses(const struct flow_key *left, const struct flow_key *right) {
	return ((left->words[0] ^ right->words[0]) | (left->words[1] ^ right->words[1]) |
			(left->words[2] ^ right->words[2]) | (left->words[3] ^ right->words[3])) == 0;
}

static bool same_flow(const struct flow_key *left, const struct flow_key *right) {
	return left->words[4] == right->words[4] && same_addresses(left, right);
}

static struct flow *find_flow(const struct coalescer *coalescer, const struct flow_key *key) {
	if (coalescer->recent && same_flow(&coalescer->recent->key, key))
		return coalescer->recent;
	for (unsigned i = 0; i < coalescer->open_count; i++) {
		if (same_flow(&coalescer->open[i]->key, key))
			return coalescer->open[i];
	}
	return NULL;
}

static enum err write_alone(const struct coalescer *coalescer, uint8_t *packet, size_t size) {
	static const uint8_t no_offload[VIRTIO_HEADER_SIZE];
	const struct iovec iovecs[2] = {
		{.iov_base = (void *)no_offload, .iov_len = VIRTIO_HEADER_SIZE},
		{.iov_base = packet, .iov_len = size},
	};
	return coalescer->sink.write(coalescer->sink.context, iovecs, 2);
}

static void lose(const struct coalescer *coalescer, unsigned packets) {
	if (coalescer->sink.lost)
		coalescer->sink.lost(coalescer->sink.context, packets);
}

static void write_or_lose(const struct coalescer *coalescer, uint8_t *packet, size_t size) {
	if (write_alone(coalescer, packet, size) != ERR_OK)
		lose(coalescer, 1);
}

/* Lengths for the whole, and of the upper checksum the pseudo header's part (NEEDS_CSUM). */
static void complete(struct flow *flow) {
	uint8_t *ip = flow->first, *upper = ip + flow->ip_header_size;
	uint32_t upper_size = flow->size - flow->ip_header_size;
	if (flow->v6) {
		packet_set_u16(ip + PACKET_V6_PAYLOAD_SIZE, (uint16_t)upper_size);
	} else {
		flow->ip_checksum = packet_u16(ip + PACKET_V4_CHECKSUM);
		packet_set_u16(ip + PACKET_V4_TOTAL_SIZE, (uint16_t)flow->size);
		packet_set_raw_u16(ip + PACKET_V4_CHECKSUM, 0);
		uint64_t sum = checksum_add(0, ip, IP_V4_HEADER_SIZE);
		packet_set_raw_u16(ip + PACKET_V4_CHECKSUM, (uint16_t)~checksum_fold(sum));
	}

	struct virtio_header header = {
		.flags = VIRTIO_NEEDS_CHECKSUM,
		.header_size = flow->headers,
		.gso_size = flow->payload,
		.checksum_start = flow->ip_header_size,
	};
	if (flow->protocol == IP_PROTOCOL_TCP) {
		header.gso_type = flow->v6 ? VIRTIO_GSO_TCP_V6 : VIRTIO_GSO_TCP_V4;
		header.checksum_offset = PACKET_TCP_CHECKSUM;
	} else {
		header.gso_type = VIRTIO_GSO_UDP;
		header.checksum_offset = PACKET_UDP_CHECKSUM;
		packet_set_u16(upper + PACKET_UDP_LENGTH, (uint16_t)upper_size);
	}
	flow->checksum = packet_u16(upper + header.checksum_offset);
	packet_set_raw_u16(upper + header.checksum_offset,
					   checksum_fold(checksum_pseudo(ip, flow->protocol, upper_size)));
	virtio_encode(&header, flow->virtio);
}

/* The first packet as it came. It had no PSH, or it would have been written alone. */
static void restore(const struct flow *flow) {
	uint8_t *ip = flow->first, *upper = ip + flow->ip_header_size;
	uint32_t size = flow->headers + (uint32_t)flow->payload;
	if (flow->v6) {
		packet_set_u16(ip + PACKET_V6_PAYLOAD_SIZE, (uint16_t)(size - flow->ip_header_size));
	} else {
		packet_set_u16(ip + PACKET_V4_TOTAL_SIZE, (uint16_t)size);
		packet_set_u16(ip + PACKET_V4_CHECKSUM, flow->ip_checksum);
	}
	if (flow->protocol == IP_PROTOCOL_TCP) {
		upper[PACKET_TCP_FLAGS] &= (uint8_t)~PACKET_TCP_PSH;
		packet_set_u16(upper + PACKET_TCP_CHECKSUM, flow->checksum);
	} else {
		packet_set_u16(upper + PACKET_UDP_LENGTH, (uint16_t)(size - flow->ip_header_size));
		packet_set_u16(upper + PACKET_UDP_CHECKSUM, flow->checksum);
	}
}

/* The packets of a completed super-packet one by one; false when the first cannot be written. */
static bool write_apart(const struct coalescer *coalescer, const struct flow *flow) {
	restore(flow);
	if (write_alone(coalescer, flow->first, flow->headers + (size_t)flow->payload) != ERR_OK)
		return false;
	/* The payloads were gathered where they are: the others' headers are still before them. */
	for (unsigned i = 2; i <= flow->count; i++) {
		const struct iovec *payload = &flow->iovecs[i];
		write_or_lose(coalescer, (uint8_t *)payload->iov_base - flow->headers,
					  flow->headers + payload->iov_len);
	}
	return true;
}

static void write_flow(struct coalescer *coalescer, struct flow *flow) {
	if (flow->count == 1) {
		write_or_lose(coalescer, flow->first, flow->size);
		return;
	}
	complete(flow);
	flow->iovecs[0] = (struct iovec){.iov_base = flow->virtio, .iov_len = VIRTIO_HEADER_SIZE};
	struct joining *joining = joining_of(coalescer, flow->protocol);
	enum err error = coalescer->sink.write(coalescer->sink.context, flow->iovecs, 1 + flow->count);
	if (error == ERR_OK) {
		joining->refusals = 0;
		return;
	}
	if (error == ERR_NO_DEVICE || !write_apart(coalescer, flow)) {
		lose(coalescer, flow->count);
		return;
	}
	/* Want of memory, which a large packet feels first, says nothing about the offload. */
	bool refused = error != ERR_NO_MEMORY && error != ERR_AGAIN;
	if (refused && ++joining->refusals == COALESCE_REFUSALS)
		atomic_store_explicit(&joining->enabled, false, memory_order_relaxed);
}

/* Writes the open flow at index and puts it to the free ones. */
static void close_at(struct coalescer *coalescer, unsigned index) {
	struct flow *flow = coalescer->open[index];
	write_flow(coalescer, flow);
	if (coalescer->recent == flow)
		coalescer->recent = NULL;
	coalescer->open_count--;
	for (unsigned i = index; i < coalescer->open_count; i++)
		coalescer->open[i] = coalescer->open[i + 1];
	coalescer->open[coalescer->open_count] = flow;
}

static void close_flow(struct coalescer *coalescer, const struct flow *flow) {
	for (unsigned i = 0; i < coalescer->open_count; i++) {
		if (coalescer->open[i] == flow) {
			close_at(coalescer, i);
			return;
		}
	}
}

static void close_addresses(struct coalescer *coalescer, const struct flow_key *key) {
	for (unsigned i = 0; i < coalescer->open_count;) {
		if (same_addresses(&coalescer->open[i]->key, key))
			close_at(coalescer, i);
		else
			i++;
	}
}

void coalescer_flush(struct coalescer *coalescer) {
	while (coalescer->open_count > 0)
		close_at(coalescer, 0);
}

/* TCP that may be part of a super-packet: data, no flags but ACK and PSH, no reserved bits. */
static bool is_plain_tcp(struct candidate *candidate) {
	const uint8_t *tcp = candidate->packet + candidate->ip_header_size;
	if (candidate->size < (uint32_t)candidate->ip_header_size + PACKET_TCP_SIZE)
		return false;
	uint8_t offset = tcp[PACKET_TCP_DATA_OFFSET];
	candidate->headers = (uint8_t)(candidate->ip_header_size + (offset >> 4) * 4);
	return (tcp[PACKET_TCP_FLAGS] & ~PACKET_TCP_PSH) == PACKET_TCP_ACK && (offset & 15) == 0 &&
		   offset >> 4 >= PACKET_TCP_SIZE / 4 && candidate->size > candidate->headers;
}

/* UDP with data and a checksum: one without would get one when it is cut out again. */
static bool is_plain_udp(struct candidate *candidate) {
	const uint8_t *udp = candidate->packet + candidate->ip_header_size;
	candidate->headers = (uint8_t)(candidate->ip_header_size + PACKET_UDP_SIZE);
	return candidate->size > candidate->headers &&
		   packet_u16(udp + PACKET_UDP_LENGTH) == candidate->size - candidate->ip_header_size &&
		   (udp[PACKET_UDP_CHECKSUM] | udp[PACKET_UDP_CHECKSUM + 1]) != 0;
}

/* Reads the IP header: fills in all but the ports of the key, and says whether they are there. */
static enum verdict examine_ip(struct candidate *candidate, bool *out_plain) {
	const uint8_t *ip = candidate->packet;
	uint64_t *words = candidate->key.words;
	candidate->v6 = ip[0] >> 4 == 6;
	if (candidate->v6) {
		for (size_t i = 0; i < 4; i++)
			words[i] = packet_raw_u64(ip + PACKET_V6_ADDRESSES + 8 * i);
		candidate->ip_header_size = IP_V6_HEADER_SIZE;
		candidate->protocol = ip[PACKET_V6_NEXT_HEADER];
		*out_plain = true;
		if (candidate->protocol == IP_PROTOCOL_TCP || candidate->protocol == IP_PROTOCOL_UDP)
			return MAY_JOIN;
		/* Anything else may be an extension header before TCP or UDP. */
		return candidate->protocol == PACKET_V6_ICMP ? PASS : PASS_AFTER_ADDRESSES;
	}
	words[0] = packet_raw_u64(ip + PACKET_V4_ADDRESSES);
	words[1] = words[2] = words[3] = 0;
	candidate->ip_header_size = (uint8_t)((ip[0] & 15) * 4);
	candidate->protocol = ip[PACKET_V4_PROTOCOL];
	*out_plain = ip[0] == V4_PLAIN;
	if (candidate->protocol != IP_PROTOCOL_TCP && candidate->protocol != IP_PROTOCOL_UDP)
		return PASS;
	uint16_t fragment = packet_u16(ip + PACKET_V4_FRAGMENT);
	*out_plain &= (fragment & ~PACKET_V4_DO_NOT_FRAGMENT) == 0;
	return fragment & V4_FRAGMENT ? PASS_AFTER_ADDRESSES : MAY_JOIN;
}

static enum verdict examine(struct coalescer *coalescer, struct candidate *candidate) {
	bool plain;
	enum verdict verdict = examine_ip(candidate, &plain);
	if (verdict != MAY_JOIN)
		return verdict;
	if (candidate->size < (uint32_t)candidate->ip_header_size + PACKET_PORTS_SIZE)
		return PASS_AFTER_ADDRESSES;
	candidate->key.words[4] =
		packet_raw_u32(candidate->packet + candidate->ip_header_size + PACKET_PORTS) |
		(uint64_t)candidate->protocol << 32 | (uint64_t)candidate->v6 << 40;
	/* Joining may have ended while one was open, which stays before what follows. */
	if (!plain || !is_enabled(joining_of(coalescer, candidate->protocol)))
		return PASS_AFTER_FLOW;
	bool tcp = candidate->protocol == IP_PROTOCOL_TCP;
	if (!(tcp ? is_plain_tcp(candidate) : is_plain_udp(candidate)))
		return PASS_AFTER_FLOW;
	return MAY_JOIN;
}

/* Whether the fields of the IP header that all packets of a super-packet share are equal. */
static bool joins_ip(const struct flow *flow, const uint8_t *ip) {
	const uint8_t *first = flow->first;
	if (flow->v6) {
		return packet_raw_u32(first) == packet_raw_u32(ip) && /* class and flow label */
			   first[PACKET_V6_HOP_LIMIT] == ip[PACKET_V6_HOP_LIMIT];
	}
	uint16_t fragment = packet_u16(ip + PACKET_V4_FRAGMENT);
	if (first[PACKET_V4_TRAFFIC_CLASS] != ip[PACKET_V4_TRAFFIC_CLASS] ||
		first[PACKET_V4_TTL] != ip[PACKET_V4_TTL] ||
		packet_u16(first + PACKET_V4_FRAGMENT) != fragment)
		return false;
	/* Ids get meaning by fragmentation alone (RFC 6864): without DF they must count up, as they
	 * will when the super-packet is cut again. */
	return fragment & PACKET_V4_DO_NOT_FRAGMENT ||
		   packet_u16(ip + PACKET_V4_ID) ==
			   (uint16_t)(packet_u16(first + PACKET_V4_ID) + flow->count);
}

/* One header stands for all: the same acknowledgment, window and options, the next sequence. */
static bool joins_tcp(const struct flow *flow, const struct candidate *candidate) {
	const uint8_t *first = flow->first + flow->ip_header_size;
	const uint8_t *tcp = candidate->packet + candidate->ip_header_size;
	size_t from = PACKET_TCP_URGENT;
	return packet_u32(tcp + PACKET_TCP_SEQUENCE) == flow->next_sequence &&
		   packet_raw_u32(tcp + PACKET_TCP_ACKNOWLEDGMENT) ==
			   packet_raw_u32(first + PACKET_TCP_ACKNOWLEDGMENT) &&
		   memcmp(tcp + PACKET_TCP_WINDOW, first + PACKET_TCP_WINDOW, 2) == 0 &&
		   memcmp(tcp + from, first + from,
				  (size_t)candidate->headers - candidate->ip_header_size - from) == 0;
}

static bool joins(const struct flow *flow, const struct candidate *candidate) {
	uint32_t payload = candidate->size - candidate->headers;
	return candidate->headers == flow->headers && payload <= flow->payload &&
		   flow->size + payload <= COALESCE_SIZE_MAX && flow->count < COALESCE_SEGMENTS &&
		   joins_ip(flow, candidate->packet) &&
		   (flow->protocol == IP_PROTOCOL_UDP || joins_tcp(flow, candidate));
}

static bool pushes(const struct candidate *candidate) {
	return candidate->protocol == IP_PROTOCOL_TCP &&
		   (candidate->packet[candidate->ip_header_size + PACKET_TCP_FLAGS] & PACKET_TCP_PSH);
}

static void join(struct coalescer *coalescer, struct flow *flow,
				 const struct candidate *candidate) {
	uint32_t payload = candidate->size - candidate->headers;
	flow->count++;
	flow->iovecs[flow->count] = (struct iovec){
		.iov_base = candidate->packet + candidate->headers,
		.iov_len = payload,
	};
	flow->size += payload;
	flow->next_sequence += payload;
	bool push = pushes(candidate);
	if (push)
		flow->first[flow->ip_header_size + PACKET_TCP_FLAGS] |= PACKET_TCP_PSH;
	if (push || payload < flow->payload)
		close_flow(coalescer, flow);
	else
		coalescer->recent = flow;
}

static void open_flow(struct coalescer *coalescer, const struct candidate *candidate) {
	if (coalescer->open_count == COALESCE_FLOWS)
		close_at(coalescer, 0);
	struct flow *flow = coalescer->open[coalescer->open_count++];
	uint32_t payload = candidate->size - candidate->headers;
	flow->key = candidate->key;
	flow->first = candidate->packet;
	flow->size = candidate->size;
	flow->payload = (uint16_t)payload;
	flow->count = 1;
	flow->ip_header_size = candidate->ip_header_size;
	flow->protocol = candidate->protocol;
	flow->headers = candidate->headers;
	flow->v6 = candidate->v6;
	/* Means nothing for UDP, whose header has other fields there. */
	flow->next_sequence =
		packet_u32(candidate->packet + candidate->ip_header_size + PACKET_TCP_SEQUENCE) + payload;
	flow->iovecs[1] = (struct iovec){.iov_base = candidate->packet, .iov_len = candidate->size};
	coalescer->recent = flow;
}

void coalescer_add(struct coalescer *coalescer, uint8_t *packet, size_t size) {
	struct candidate candidate = {.packet = packet, .size = (uint32_t)size};
	enum verdict verdict = examine(coalescer, &candidate);
	if (verdict == PASS_AFTER_ADDRESSES)
		close_addresses(coalescer, &candidate.key);
	if (verdict == PASS || verdict == PASS_AFTER_ADDRESSES) {
		write_or_lose(coalescer, packet, size);
		return;
	}

	struct flow *flow = find_flow(coalescer, &candidate.key);
	if (flow && verdict == MAY_JOIN && joins(flow, &candidate)) {
		join(coalescer, flow, &candidate);
		return;
	}
	if (flow)
		close_flow(coalescer, flow);
	if (verdict == MAY_JOIN && !pushes(&candidate))
		open_flow(coalescer, &candidate);
	else
		write_or_lose(coalescer, packet, size);
}
