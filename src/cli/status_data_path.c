#include "cli/status_data_path.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/text_buffer.h"
#include "ctl/view.h"

enum { NAME_WIDTH = 24, NUMBER_SIZE = 24 };

/* The words that people know the offloads by. */
struct offload_name {
	const char *layer, *name;
	enum figure figure;
};

static const struct offload_name offload_names[] = {
	{"UDP", "GSO", FIGURE_UDP_SEGMENTATION},
	{"UDP", "GRO", FIGURE_UDP_COALESCING},
	{"TUN", "TSO", FIGURE_TUN_TCP},
	{"TUN", "USO", FIGURE_TUN_UDP},
	{NULL, NULL, 0},
};

/* ", UDP GSO+GRO, TUN without offload" */
static void add_offloads(struct text_buffer *text, const struct view_data_path *path) {
	for (const struct offload_name *row = offload_names; row->layer;) {
		const char *layer = row->layer;
		bool any = false;
		text_buffer_add(text, ", %s", layer);
		for (; row->layer && strcmp(row->layer, layer) == 0; row++) {
			if (!view_data_path_has(path, row->figure))
				continue;
			text_buffer_add(text, "%s%s", any ? "+" : " ", row->name);
			any = true;
		}
		if (!any)
			text_buffer_add(text, " without offload");
	}
}

/* "; 45.2 packets a send, 31.8 a write": datagrams of a call out, packets of a write in. */
static void add_batches(struct text_buffer *text, const struct figure_set *sum) {
	static const struct {
		enum figure calls, packets;
		const char *name;
	} rows[] = {
		{FIGURE_UDP_SEND_CALLS, FIGURE_UDP_SENT_DATAGRAMS, "send"},
		{FIGURE_TUN_WRITES, FIGURE_TUN_WRITTEN_PACKETS, "write"},
	};
	bool any = false;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (sum->of[rows[i].calls] == 0)
			continue;
		double average = (double)sum->of[rows[i].packets] / (double)sum->of[rows[i].calls];
		text_buffer_add(text, "%s%.1f%s a %s", any ? ", " : "; ", average, any ? "" : " packets",
						rows[i].name);
		any = true;
	}
}

static void add_drop(struct text_buffer *text, const char *name, uint64_t number, bool *any) {
	if (number == 0)
		return;
	text_buffer_add(text, "%s%s %" PRIu64, *any ? ", " : " (", name, number);
	*any = true;
}

static void add_drops(struct text_buffer *text, const struct view_data_path *path,
					  const struct figure_set *sum) {
	uint64_t total = path->has_tun_queue_drops ? path->tun_queue_drops : 0;
	uint64_t in_queue = total;
	for (const struct figure_drop *row = figure_drops; row->name; row++)
		total += sum->of[row->figure];
	if (total == 0)
		return;
	bool any = false;
	text_buffer_add(text, "; dropped %" PRIu64, total);
	add_drop(text, "tun_queue", in_queue, &any);
	for (const struct figure_drop *row = figure_drops; row->name; row++)
		add_drop(text, row->name, sum->of[row->figure], &any);
	text_buffer_add(text, "%s", any ? ")" : "");
}

void status_data_path_line(struct text_buffer *text, const struct view_data_path *path) {
	const struct figure_set sum = view_data_path_sum(path);
	text_buffer_add(text, "%zu shard%s, ", path->shard_count, path->shard_count == 1 ? "" : "s");
	text_buffer_add_clean(text, path->aead);
	add_offloads(text, path);
	add_batches(text, &sum);
	add_drops(text, path, &sum);
	if (sum.of[FIGURE_UNDER_LOAD] > 0)
		text_buffer_add(text, "; under load");
}

static void format_figure(enum figure figure, uint64_t value, char out[static NUMBER_SIZE]) {
	if (figure_kind(figure) == FIGURE_FLAG)
		(void)snprintf(out, NUMBER_SIZE, "%s", value > 0 ? "yes" : "no");
	else
		(void)snprintf(out, NUMBER_SIZE, "%" PRIu64, value);
}

/* Of the sums: flags have none. */
static void format_sum(enum figure figure, const struct figure_set *sum,
					   char out[static NUMBER_SIZE]) {
	out[0] = '\0';
	if (figure_kind(figure) != FIGURE_FLAG)
		format_figure(figure, sum->of[figure], out);
}

static int width_of(const struct view_data_path *path, const struct figure_set *sum) {
	char word[NUMBER_SIZE];
	size_t width = 4;
	const struct figure_set *widest = path->shard_count > 1 ? sum : &path->shards[0];
	for (enum figure i = 0; i < FIGURE_COUNT && path->shard_count > 0; i++) {
		format_figure(i, widest->of[i], word);
		width = strlen(word) > width ? strlen(word) : width;
	}
	return (int)width + 2;
}

void status_data_path_table(struct text_buffer *text, const struct view_data_path *path,
							int indent) {
	const struct figure_set sum = view_data_path_sum(path);
	int width = width_of(path, &sum);
	char word[NUMBER_SIZE];
	text_buffer_add(text, "%*s%-*s", indent, "", NAME_WIDTH, "shard");
	for (size_t shard = 0; shard < path->shard_count; shard++)
		text_buffer_add(text, "%*zu", width, shard);
	if (path->shard_count > 1)
		text_buffer_add(text, "%*s", width, "all");
	text_buffer_add(text, "\n");
	for (enum figure i = 0; i < FIGURE_COUNT; i++) {
		if (sum.of[i] == 0 && figure_kind(i) != FIGURE_FLAG)
			continue;
		text_buffer_add(text, "%*s%-*s", indent, "", NAME_WIDTH, figure_name(i));
		for (size_t shard = 0; shard < path->shard_count; shard++) {
			format_figure(i, path->shards[shard].of[i], word);
			text_buffer_add(text, "%*s", width, word);
		}
		format_sum(i, &sum, word);
		if (path->shard_count > 1 && word[0])
			text_buffer_add(text, "%*s", width, word);
		text_buffer_add(text, "\n");
	}
}
