#include "tunnel/datagram_flow.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/byte_queue.h"
#include "base/list.h"
#include "stream/mux.h"
#include "tunnel/carrier.h"
#include "tunnel/farewell.h"
#include "tunnel/front_setup.h"
#include "tunnel/stream_user.h"
#include "tunnel/uplink.h"
#include "wire/stream_datagram.h"

struct datagram_flow {
	struct stream_user user;
	struct uplink_wish wish;
	struct datagram_flow_options options;
	bool is_waiting; /* for the uplink */
	struct carrier *carrier;
	struct mux_stream *stream; /* NULL: not yet, or no more */
	struct stream_datagram_reader *reader;
	struct byte_queue early;
};

static void end(struct datagram_flow *flow) {
	flow->options.ended(flow->options.context);
}

static struct datagram_flow *of_user(struct stream_user *user) {
	return list_item(user, struct datagram_flow, user);
}

/* Whether what comes makes sense. */
static bool receive(struct datagram_flow *flow) {
	for (struct slice part; (part = mux_stream_peek(flow->stream)).size > 0;) {
		struct slice rest = part, datagram;
		enum err error;
		while (!(error = stream_datagram_next(flow->reader, &rest, &datagram))) {
			flow->options.setup->figures->datagrams_sent++;
			flow->options.received(flow->options.context, datagram);
		}
		if (error != ERR_AGAIN)
			return false;
		mux_stream_consume(flow->stream, part.size);
	}
	return true;
}

static void readable(struct stream_user *user) {
	struct datagram_flow *flow = of_user(user);
	bool makes_sense = receive(flow);
	carrier_touch(flow->carrier);
	if (makes_sense && !mux_stream_is_at_end(flow->stream))
		return;
	struct mux_stream *stream = flow->stream;
	flow->stream = NULL;
	if (makes_sense)
		farewell_end(flow->options.setup->farewell, flow->carrier, stream);
	else
		farewell_reset(flow->options.setup->farewell, flow->carrier, stream);
	end(flow);
}

static void writable(struct stream_user *user) {
	(void)user;
}

static void closed(struct stream_user *user, uint32_t error) {
	(void)error;
	struct datagram_flow *flow = of_user(user);
	flow->stream = NULL;
	end(flow);
}

static const struct stream_user_ops user_ops = {
	.readable = readable,
	.writable = writable,
	.closed = closed,
};

static struct datagram_flow *of_wish(struct uplink_wish *wish) {
	return list_item(wish, struct datagram_flow, wish);
}

/* A fresh stream has room for what waited. */
static void opened(struct uplink_wish *wish, struct carrier *carrier, struct mux_stream *stream) {
	struct datagram_flow *flow = of_wish(wish);
	flow->is_waiting = false;
	flow->carrier = carrier;
	flow->stream = stream;
	struct slice early = byte_queue_view(&flow->early);
	if (early.size > 0 && mux_stream_room(stream) >= early.size)
		(void)mux_stream_write(stream, early.data, early.size);
	byte_queue_done(&flow->early);
	carrier_touch(carrier);
}

static void refused(struct uplink_wish *wish, enum refusal refusal) {
	(void)refusal;
	struct datagram_flow *flow = of_wish(wish);
	flow->is_waiting = false;
	flow->options.setup->figures->refused++;
	end(flow);
}

enum err datagram_flow_new(const struct datagram_flow_options *options,
						   struct datagram_flow **out_flow) {
	struct datagram_flow *flow = calloc(1, sizeof *flow);
	if (!flow)
		return ERR_NO_MEMORY;
	flow->user.ops = &user_ops;
	flow->options = *options;
	flow->wish = (struct uplink_wish){
		.target = options->target,
		.user = &flow->user,
		.opened = opened,
		.refused = refused,
	};
	flow->wish.target.udp = true;
	list_init(&flow->wish.link);
	enum err error = stream_datagram_reader_new(DATAGRAM_FLOW_SIZE_MAX, &flow->reader);
	if (error) {
		free(flow);
		return error;
	}
	*out_flow = flow;
	return ERR_OK;
}

void datagram_flow_begin(struct datagram_flow *flow) {
	flow->is_waiting = true;
	uplink_open(flow->options.setup->uplink, &flow->wish);
}

void datagram_flow_free(struct datagram_flow *flow) {
	if (!flow)
		return;
	if (flow->is_waiting)
		uplink_cancel(flow->options.setup->uplink, &flow->wish);
	if (flow->stream)
		farewell_end(flow->options.setup->farewell, flow->carrier, flow->stream);
	stream_datagram_reader_free(flow->reader);
	byte_queue_done(&flow->early);
	free(flow);
}

static bool keep(struct datagram_flow *flow, struct slice header, struct slice datagram) {
	size_t held = byte_queue_size(&flow->early);
	if (header.size + datagram.size > DATAGRAM_FLOW_EARLY_MAX - held)
		return false;
	/* Room for both, or for neither: half a datagram would be taken for another one. */
	if (byte_queue_append(&flow->early, header.data, header.size))
		return false;
	if (!byte_queue_append(&flow->early, datagram.data, datagram.size))
		return true;
	byte_queue_done(&flow->early);
	return false;
}

/* The same of the stream; without memory the rest of it would make no sense. */
static bool write(struct datagram_flow *flow, struct slice header, struct slice datagram) {
	if (mux_stream_room(flow->stream) < header.size + datagram.size)
		return false;
	carrier_touch(flow->carrier);
	if (mux_stream_write(flow->stream, header.data, header.size) == header.size &&
		mux_stream_write(flow->stream, datagram.data, datagram.size) == datagram.size)
		return true;
	mux_stream_end(flow->stream);
	return false;
}

void datagram_flow_send(struct datagram_flow *flow, struct slice datagram) {
	struct front_figures *figures = flow->options.setup->figures;
	uint8_t bytes[STREAM_DATAGRAM_HEADER_SIZE];
	struct slice header = slice_of(bytes, sizeof bytes);
	bool went = false;
	if (datagram.size <= DATAGRAM_FLOW_SIZE_MAX) {
		stream_datagram_header(datagram.size, bytes);
		if (flow->is_waiting)
			went = keep(flow, header, datagram);
		else if (flow->stream)
			went = write(flow, header, datagram);
	}
	if (went)
		figures->datagrams_received++;
	else
		figures->datagrams_dropped++;
}
