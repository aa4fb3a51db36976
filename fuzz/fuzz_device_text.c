/* Answers of a device: whatever comes, a directory stays whole, and what it took fits its limits.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf/config.h"
#include "expect.h"
#include "tunnel/directory.h"

static void check_data_path(const struct directory_data_path *path) {
	expect(path->shard_count <= FIGURE_SHARDS_MAX);
	expect(memchr(path->aead, '\0', sizeof path->aead) != NULL);
	for (size_t i = 0; i < path->shard_count; i++)
		for (enum figure j = 0; j < FIGURE_COUNT; j++)
			expect(figure_kind(j) != FIGURE_FLAG || path->shards[i].of[j] <= 1);
}

static void check_all(const struct directory *directory) {
	check_data_path(&directory_device(directory)->data_path);
	const struct directory_peer **recent;
	size_t count, seen = 0;
	expect(!directory_recent(directory, SIZE_MAX, &recent, &count));
	expect(count == directory_count(directory));
	for (size_t i = 0; i < count; i++)
		expect(i == 0 ||
			   recent[i - 1]->figures.latest_handshake >= recent[i]->figures.latest_handshake);
	free(recent);
	list_for_each (link, directory_peers(directory)) {
		const struct directory_peer *peer = list_item(link, struct directory_peer, link);
		expect(directory_find_key(directory, peer->public_key) == peer);
		expect(peer->origin != DIRECTORY_DEVICE || strlen(peer->name) == DIRECTORY_NAME_PREFIX);
		for (size_t i = 0; i < peer->allowed_ip_count; i++)
			expect(peer->allowed_ips[i].length <= 8 * address_size(&peer->allowed_ips[i].address));
		seen++;
	}
	expect(seen == count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct config_peer peer = {.name = "phone"};
	memset(peer.public_key, 1, sizeof peer.public_key);
	const struct config_tunnel tunnel = {.name = "um0", .peers = &peer, .peer_count = 1};
	struct directory *directory;
	expect(!directory_new(&tunnel, &directory));
	for (int round = 0; round < 2; round++) {
		enum err error = directory_update(directory, slice_of(data, size));
		expect(!error || error == ERR_MALFORMED);
		check_all(directory);
	}
	directory_forget(directory);
	expect(directory_count(directory) == 1);
	directory_free(directory);
	return 0;
}
