#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tunnel/fake_uplink.h"

static void serve(struct uplink *uplink, struct uplink_wish *wish) {
	struct carrier *carrier = &uplink->carriers->client;
	struct mux_stream *stream;
	enum refusal refusal = uplink->refusal;
	if (refusal == REFUSAL_COUNT &&
		mux_stream_open(carrier_mux(carrier), &wish->target, wish->user, &stream))
		refusal = REFUSAL_CARRIER;
	if (refusal != REFUSAL_COUNT) {
		uplink->refused++;
		wish->refused(wish, refusal);
		return;
	}
	uplink->opened++;
	carrier_touch(carrier);
	wish->opened(wish, carrier, stream);
}

void uplink_open(struct uplink *uplink, struct uplink_wish *wish) {
	list_init(&wish->link);
	if (uplink->is_waiting)
		list_append(&uplink->wishes, &wish->link);
	else
		serve(uplink, wish);
}

void uplink_cancel(struct uplink *uplink, struct uplink_wish *wish) {
	(void)uplink;
	list_remove(&wish->link);
}

void uplink_await(struct uplink *uplink, struct uplink_watch *watch) {
	list_append(&uplink->watches, &watch->link);
}

void uplink_forget(struct uplink *uplink, struct uplink_watch *watch) {
	(void)uplink;
	list_remove(&watch->link);
}

void fake_uplink_init(struct uplink *uplink, struct fake_carriers *carriers) {
	*uplink = (struct uplink){.carriers = carriers, .refusal = REFUSAL_COUNT};
	list_init(&uplink->wishes);
	list_init(&uplink->watches);
}

void fake_uplink_done(struct uplink *uplink) {
	assert_true(list_is_empty(&uplink->wishes) && list_is_empty(&uplink->watches));
}

void fake_uplink_go_on(struct uplink *uplink) {
	uplink->is_waiting = false;
	struct list *link;
	while ((link = list_take_first(&uplink->wishes)) != NULL)
		serve(uplink, list_item(link, struct uplink_wish, link));
}

void fake_uplink_again(struct uplink *uplink) {
	struct list *link = list_take_first(&uplink->watches);
	assert_non_null(link);
	struct uplink_watch *watch = list_item(link, struct uplink_watch, link);
	watch->again(watch);
}
