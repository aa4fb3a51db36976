#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "stream/chunk_queue.h"
#include "stream/mux.h"
#include "stream/padding.h"
#include "stream/quota.h"
#include "stream/round_trip.h"
#include "stream/window.h"

/* What the files of mux share; but for their tests nobody else includes this. */

enum mux_news {
	MUX_NEWS_CONNECTED = 1,
	MUX_NEWS_READABLE = 2,
	MUX_NEWS_WRITABLE = 4,
	MUX_NEWS_CLOSED = 8,
};

enum mux_stream_state {
	MUX_STREAM_OPEN,
	MUX_STREAM_HALF_CLOSED_LOCAL,  /* our end is written */
	MUX_STREAM_HALF_CLOSED_REMOTE, /* theirs came */
	MUX_STREAM_CLOSED,             /* not in the table any more */
};

struct mux_stream {
	struct mux *mux;
	void *owner;
	uint32_t id;
	uint32_t error; /* of the reset to be written, or of the news that it is closed */
	enum mux_stream_state state;
	uint8_t news;            /* enum mux_news, to be told */
	bool is_open_pending;    /* OPEN is not written; its payload stands first in `out` */
	bool is_reset_pending;   /* CLOSE with the error is not written */
	bool is_connect_pending; /* WINDOW_UPDATE of 0 is not written */
	bool is_connected;   /* from us to them that was said, from them to us it came; or too late */
	bool is_end_wanted;  /* CLOSE without an error is to follow what is in `out` */
	bool is_room_wanted; /* a write took less than all */
	bool is_detached;    /* its owner knows it no more */
	uint16_t open_size;  /* of OPEN's payload */
	struct list all;     /* in mux.all, from birth to mux_stream_free() */
	struct list idle;    /* in mux.idle unless it is closed: those first that idle for longest */
	struct list control; /* in mux.control while a frame other than DATA waits */
	struct list ready;   /* in mux.ready while DATA waits */
	struct list news_order; /* in mux.news while there is news */
	uint64_t opened_at, active_at;
	struct chunk_queue in, out;
	struct window_in window_in;
	struct window_out window_out; /* what is in `out` is not yet taken off */
	struct quota_item unread;
	struct padding_stream padding;
};

/* What a stream sent in this write, where that may be the begin of a burst. */
struct mux_burst {
	struct mux_stream *stream;
	size_t size;
};

enum { MUX_BURSTS_MAX = 16 }; /* of one write; among more, sizes tell nothing of any of them */

/* Streams that are not closed, by id: open addressing, at most half full. */
struct mux_table {
	struct mux_stream **slots;
	size_t slot_count, used; /* slot_count is 0 or a power of two */
	uint32_t seed;
};

struct mux_ping {
	bool is_pending; /* to be written */
	bool is_awaited; /* written, and its PONG has not come */
	uint8_t bytes[STREAM_FRAME_PING_SIZE];
	uint64_t sent_at;
	uint32_t received; /* bytes of DATA since it was sent */
};

struct mux {
	struct mux_config config;
	enum mux_state state;
	uint32_t error;
	uint64_t now; /* of the latest call that told it */
	struct mux_table table;
	size_t count_ours, count_theirs; /* streams in `all` */
	uint32_t next_ours;              /* id of our next stream */
	uint32_t highest_theirs;
	struct list all, idle, control, ready, news;
	struct mux_stream *told; /* whose owner is being told something; NULL once it was freed */
	struct window_in window_in;
	struct window_out window_out;
	size_t staged; /* bytes of DATA in all `out` */
	struct chunk_queue_pool pool;

	bool is_goaway_pending;
	bool is_peer_draining; /* his GOAWAY came */
	bool is_rekey_wanted;
	struct mux_ping ping;
	uint8_t pongs[MUX_PONGS_MAX][STREAM_FRAME_PING_SIZE];
	size_t pong_count;
	uint8_t *settings; /* to be written, or NULL */
	size_t settings_size;
	uint32_t *refusals; /* MUX_REFUSALS_MAX ids once there were some */
	size_t refusal_count;
	uint64_t
		*resets; /* when the last MUX_RESETS_MAX streams were reset that had been opened lately */
	size_t reset_count;
	struct round_trip round_trip;
	struct padding padding;
	struct mux_burst bursts[MUX_BURSTS_MAX];
	size_t burst_count;
	size_t idle_extra;            /* bytes of PADDING that break a silence */
	uint64_t held_until;          /* a sparse write is put off */
	uint64_t heard_at, keepalive; /* when a frame came last; silence after it before a PING, ... */
	uint64_t drawn_at;            /* as it was drawn then */
	bool is_probed;               /* such a PING was asked for, at ... */
	uint64_t probed_at;
	uint64_t close_at; /* in FAILED */
};

/* mux.c */
void mux_fail(struct mux *mux, enum stream_error error); /* GOAWAY, then the end */
void mux_end(struct mux *mux, uint32_t error);           /* the end: CLOSED, without a word */
void mux_settle(struct mux *mux); /* tells all news, and ends what is drained */
void mux_touch(struct mux *mux, uint64_t now);

/* mux_stream.c: a stream's life */
bool mux_stream_is_ours(const struct mux_stream *stream);
enum err mux_stream_new(struct mux *mux, uint32_t id, struct mux_stream **out_stream);
void mux_stream_free(struct mux_stream *stream); /* as a memory; tells nobody */
void mux_stream_tell(struct mux_stream *stream, enum mux_news news);
void mux_stream_active(struct mux_stream *stream);
void mux_stream_tell_room(struct mux_stream *stream);
void mux_stream_unstage(const struct mux_stream *stream, size_t size); /* sent, or given up */
void mux_stream_queue_control(struct mux_stream *stream);
/* Both ends have come: CLOSED, and its owner is told once he has read all. */
void mux_stream_finish(struct mux_stream *stream);
/* CLOSED at once, what is buffered is gone. The owner is told unless he is detached. */
void mux_stream_shut(struct mux_stream *stream, uint32_t error, bool tells_peer);

/* mux_table.c */
struct mux_stream *mux_table_find(const struct mux_table *table, uint32_t id);
enum err mux_table_add(struct mux_table *table, struct mux_stream *stream);
void mux_table_remove(struct mux_table *table, const struct mux_stream *stream);

/* mux_padding.c */
void mux_padding_burst(struct mux_stream *stream, size_t size);
void mux_padding_forget(struct mux_stream *stream);
size_t mux_padding_extra(struct mux *mux); /* for the write that ends now */
bool mux_padding_holds(const struct mux *mux);
bool mux_padding_hold(struct mux *mux); /* asks anew, when there is something to write */
void mux_padding_streams(struct mux *mux);
void mux_padding_expire(struct mux *mux);
uint64_t mux_padding_next(const struct mux *mux);

/* mux_send.c */
bool mux_send_is_due(const struct mux *mux); /* whether or not it is put off */

/* mux_time.c */
void mux_time_heard(struct mux *mux);
void mux_time_measure(struct mux *mux, size_t bytes); /* DATA came */
void mux_time_pong(struct mux *mux, const uint8_t bytes[static STREAM_FRAME_PING_SIZE]);
