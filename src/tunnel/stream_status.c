#include "tunnel/stream_status.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "tunnel/carrier.h"
#include "wire/uapi.h"

#define PREFIX "stream_"
enum { PREFIX_SIZE = sizeof PREFIX - 1, NAME_SIZE = 64 };

void stream_status_add(struct stream_peer_figure_set *figures,
					   const struct carrier_figures *connection) {
	uint64_t round_trip = connection->round_trip / CLOCK_MICROSECOND;
	uint64_t *shortest = &figures->of[STREAM_PEER_FIGURE_ROUND_TRIP];
	figures->of[STREAM_PEER_FIGURE_CONNECTIONS]++;
	figures->of[STREAM_PEER_FIGURE_STREAMS] += connection->streams;
	figures->of[STREAM_PEER_FIGURE_WINDOW_SEND] += connection->window_send;
	figures->of[STREAM_PEER_FIGURE_WINDOW_RECEIVE] += connection->window_receive;
	if (round_trip > 0 && (*shortest == 0 || round_trip < *shortest))
		*shortest = round_trip;
}

static void put(struct uapi_text *text, const char *name, uint64_t value) {
	char key[NAME_SIZE];
	(void)snprintf(key, sizeof key, PREFIX "%s", name);
	uapi_put_number(text, key, value);
}

void stream_status_put(struct uapi_text *text, const struct stream_figure_set *figures) {
	for (enum stream_figure i = 0; i < STREAM_FIGURE_COUNT; i++)
		put(text, stream_figure_name(i), figures->of[i]);
}

void stream_status_put_peer(struct uapi_text *text, const struct stream_peer_figure_set *figures) {
	for (enum stream_peer_figure i = 0; i < STREAM_PEER_FIGURE_COUNT; i++)
		put(text, stream_peer_figure_name(i), figures->of[i]);
}

/* What stands between the prefix and the number; empty: it is no such line. */
static struct slice name_of(struct slice line, struct slice *out_value) {
	const char *text = (const char *)line.data;
	const char *equal = line.size > 0 ? memchr(text, '=', line.size) : NULL;
	if (!equal || (size_t)(equal - text) <= PREFIX_SIZE || memcmp(text, PREFIX, PREFIX_SIZE) != 0)
		return slice_of(NULL, 0);
	*out_value = slice_of(equal + 1, line.size - (size_t)(equal - text) - 1);
	return slice_of(text + PREFIX_SIZE, (size_t)(equal - text) - PREFIX_SIZE);
}

static enum err take(struct slice value, bool *known, uint64_t *figure) {
	uint64_t number;
	if (text_unsigned_parse((const char *)value.data, value.size, UINT64_MAX, &number))
		return ERR_MALFORMED;
	*known = true;
	*figure = number;
	return ERR_OK;
}

enum err stream_status_take(struct slice line, struct stream_figure_set *figures) {
	struct slice value, name = name_of(line, &value);
	enum stream_figure figure = name.size > 0
									? stream_figure_find((const char *)name.data, name.size)
									: STREAM_FIGURE_COUNT;
	if (figure == STREAM_FIGURE_COUNT)
		return ERR_NOT_FOUND;
	return take(value, &figures->are_known, &figures->of[figure]);
}

enum err stream_status_take_peer(struct slice line, struct stream_peer_figure_set *figures) {
	struct slice value, name = name_of(line, &value);
	enum stream_peer_figure figure =
		name.size > 0 ? stream_peer_figure_find((const char *)name.data, name.size)
					  : STREAM_PEER_FIGURE_COUNT;
	if (figure == STREAM_PEER_FIGURE_COUNT)
		return ERR_NOT_FOUND;
	return take(value, &figures->are_known, &figures->of[figure]);
}
