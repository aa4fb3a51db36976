#include "engine/staging.h"

#include <stdlib.h>
#include <string.h>

#include "engine/lane.h"
#include "engine/peer.h"
#include "engine/segment.h"
#include "engine/shard.h"

enum err staging_add(struct peer *peer, const uint8_t *data, uint32_t size) {
	struct shard *shard = peer->lane->shard;
	while (peer->staged_count > 0 && (peer->staged_count >= STAGING_PACKETS_MAX ||
									  shard->staged_bytes + size > STAGING_BYTES_MAX)) {
		free(staging_take(peer));
		lane_count(&peer->lane->counters.staged_dropped, 1);
	}
	if (shard->staged_bytes + size > STAGING_BYTES_MAX)
		return ERR_LIMIT;
	struct staging_packet *packet = malloc(sizeof *packet + size + SEGMENT_PADDING_MAX);
	if (!packet)
		return ERR_NO_MEMORY;
	packet->size = size;
	if (size > 0)
		memcpy(packet->data, data, size);
	memset(packet->data + size, 0, SEGMENT_PADDING_MAX);
	list_append(&peer->staged, &packet->link);
	peer->staged_count++;
	shard->staged_bytes += size;
	return ERR_OK;
}

struct staging_packet *staging_take(struct peer *peer) {
	struct list *link = list_take_first(&peer->staged);
	if (!link)
		return NULL;
	struct staging_packet *packet = list_item(link, struct staging_packet, link);
	peer->staged_count--;
	peer->lane->shard->staged_bytes -= packet->size;
	return packet;
}

void staging_drop(struct peer *peer) {
	while (peer->staged_count > 0)
		free(staging_take(peer));
}
