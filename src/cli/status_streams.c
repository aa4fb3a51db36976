#include "cli/status_streams.h"

#include <inttypes.h>
#include <stdbool.h>

#include "cli/quantity.h"
#include "cli/text_buffer.h"

static void add_label(struct text_buffer *text, int indent, const char *label) {
	text_buffer_add(text, "%*s%-*s", indent, "", STATUS_LABEL_WIDTH, label);
}

static void add_count(struct text_buffer *text, uint64_t count, const char *one) {
	text_buffer_add(text, "%" PRIu64 " %s%s", count, one, count == 1 ? "" : "s");
}

struct word {
	enum stream_figure figure;
	const char *word;
};

/* Those that are not 0; whether there were any. */
static bool add_words(struct text_buffer *text, const struct stream_figure_set *figures,
					  const struct word *words, size_t count) {
	bool any = false;
	for (size_t i = 0; i < count; i++) {
		uint64_t value = figures->of[words[i].figure];
		if (value == 0)
			continue;
		text_buffer_add(text, "%s%" PRIu64 " %s", any ? ", " : "", value, words[i].word);
		any = true;
	}
	return any;
}

void status_streams_tunnel(struct text_buffer *text, const struct stream_figure_set *figures,
						   int indent) {
	static const struct word ways[] = {
		{STREAM_FIGURE_ACCEPTED, "accepted"},
		{STREAM_FIGURE_ADMITTED, "to carry streams"},
		{STREAM_FIGURE_DECOYED, "shown the site"},
		{STREAM_FIGURE_DECLINED, "declined"},
	};
	static const struct word targets[] = {
		{STREAM_FIGURE_OPENED, "reached"},
		{STREAM_FIGURE_REFUSED, "refused"},
		{STREAM_FIGURE_FAILED, "not reached"},
		{STREAM_FIGURE_QUESTIONS, "names asked for"},
	};
	static const struct word lost[] = {
		{STREAM_FIGURE_DATAGRAMS_DROPPED, "datagrams"},
		{STREAM_FIGURE_PACKETS_DROPPED, "packets"},
	};
	add_label(text, indent, "streams");
	add_count(text, figures->of[STREAM_FIGURE_STREAMS], "stream");
	text_buffer_add(text, " on ");
	add_count(text, figures->of[STREAM_FIGURE_CONNECTIONS], "connection");
	text_buffer_add(text, "; ");
	add_count(text, figures->of[STREAM_FIGURE_RELAYS], "TCP relay");
	text_buffer_add(text, ", ");
	add_count(text, figures->of[STREAM_FIGURE_SESSIONS], "UDP session");
	text_buffer_add(text, "\n");
	static const struct {
		const char *label;
		const struct word *words;
		size_t count;
	} lines[] = {
		{"connections", ways, sizeof ways / sizeof ways[0]},
		{"targets", targets, sizeof targets / sizeof targets[0]},
		{"dropped", lost, sizeof lost / sizeof lost[0]},
	};
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		bool any = false;
		for (size_t j = 0; j < lines[i].count; j++)
			any = any || figures->of[lines[i].words[j].figure] > 0;
		if (!any)
			continue;
		add_label(text, indent, lines[i].label);
		(void)add_words(text, figures, lines[i].words, lines[i].count);
		text_buffer_add(text, "\n");
	}
}

void status_streams_peer(struct text_buffer *text, const struct stream_peer_figure_set *figures,
						 int indent) {
	uint64_t round_trip = figures->of[STREAM_PEER_FIGURE_ROUND_TRIP];
	uint64_t held = figures->of[STREAM_PEER_FIGURE_HELD];
	add_label(text, indent, "streams");
	add_count(text, figures->of[STREAM_PEER_FIGURE_STREAMS], "stream");
	text_buffer_add(text, " on ");
	add_count(text, figures->of[STREAM_PEER_FIGURE_CONNECTIONS], "connection");
	if (round_trip > 0)
		text_buffer_add(text, ", round trip %" PRIu64 ".%" PRIu64 " ms", round_trip / 1000,
						round_trip % 1000 / 100);
	if (held > 0) {
		char word[QUANTITY_SIZE];
		quantity_bytes(held, word);
		text_buffer_add(text, ", %s unread", word);
	}
	text_buffer_add(text, "\n");
	if (figures->of[STREAM_PEER_FIGURE_CONNECTIONS] == 0)
		return;
	char send[QUANTITY_SIZE], receive[QUANTITY_SIZE];
	quantity_bytes(figures->of[STREAM_PEER_FIGURE_WINDOW_SEND], send);
	quantity_bytes(figures->of[STREAM_PEER_FIGURE_WINDOW_RECEIVE], receive);
	add_label(text, indent, "windows");
	text_buffer_add(text, "%s to send, %s to receive\n", send, receive);
}
