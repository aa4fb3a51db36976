#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "ctl/view.h"

/*
 * The last events, each as the frame of text/event-stream that readers get:
 *     id: 7\n
 *     data: {"sequence":7,…}\n
 *     \n
 */

struct events;

enum err events_new(struct events **out_events);
void events_free(struct events *events);

/* Gives the event its number, keeps it, forgets the oldest. The frame lives until the next call. */
enum err events_add(struct events *events, struct view_event *event, struct slice *out_frame);

/*
 * The first kept frame behind that number, which moves on to it; ERR_NOT_FOUND when there is none.
 * A number that was never given is of an earlier run of the daemon: everything kept comes.
 */
enum err events_next(const struct events *events, uint64_t *after, struct slice *out_frame);
