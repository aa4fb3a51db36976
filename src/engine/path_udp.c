#include "engine/path_udp.h"

#include "engine/lane.h"
#include "engine/listener.h"

static enum err path_udp_send(struct peer *peer, uint8_t path, const uint8_t *data, uint32_t size,
							  uint16_t segment_size, enum udp_way way) {
	(void)path; /* peers have one today, and outbox_send() reads the first */
	return outbox_send(&peer->lane->listener->outbox, peer, data, size, segment_size, way);
}

const struct path_ops path_udp_ops = {
	.name = "udp",
	.send = path_udp_send,
};
