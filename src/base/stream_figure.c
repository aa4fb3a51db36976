#include "base/stream_figure.h"

#include <string.h>

struct row {
	const char *name;
	enum figure_kind kind;
};

#define ROW_OF(upper, lower, kind) {#lower, FIGURE_##kind},
static const struct row rows[STREAM_FIGURE_COUNT] = {STREAM_FIGURES(ROW_OF)};
static const struct row peer_rows[STREAM_PEER_FIGURE_COUNT] = {STREAM_PEER_FIGURES(ROW_OF)};

static size_t find(const struct row *first, size_t count, const char *name, size_t size) {
	size_t place = 0;
	while (place < count &&
		   (strlen(first[place].name) != size || memcmp(first[place].name, name, size) != 0))
		place++;
	return place;
}

const char *stream_figure_name(enum stream_figure figure) {
	return rows[figure].name;
}

enum figure_kind stream_figure_kind(enum stream_figure figure) {
	return rows[figure].kind;
}

enum stream_figure stream_figure_find(const char *name, size_t size) {
	return (enum stream_figure)find(rows, STREAM_FIGURE_COUNT, name, size);
}

const char *stream_peer_figure_name(enum stream_peer_figure figure) {
	return peer_rows[figure].name;
}

enum stream_peer_figure stream_peer_figure_find(const char *name, size_t size) {
	return (enum stream_peer_figure)find(peer_rows, STREAM_PEER_FIGURE_COUNT, name, size);
}
