#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "daemon/privileged.h"

/* What the files of the privileged process share among each other; programs use privileged.h. */

/* For a net process to become ready, and to take one tunnel up. */
#define PRIVILEGED_READY_TIMEOUT (30 * CLOCK_SECOND)
/* To answer a request; less than whoever asked for what it belongs to waits. */
#define PRIVILEGED_ANSWER_TIMEOUT (20 * CLOCK_SECOND)

/* privileged_net.c: nothing is heard of it or told it any more, and it is killed. */
void privileged_give_up_net(struct privileged *privileged);

/* privileged_ask.c: RESULT of the net process. False: nobody waits for it. */
bool privileged_take_result(struct privileged *privileged, const struct process_message *result);
/* Calls everybody who waits: the net process has ended. */
void privileged_fail_asked(struct privileged *privileged);
/* When the oldest request has waited too long; CLOCK_NEVER. */
uint64_t privileged_asked_deadline(const struct privileged *privileged);
/* Of no consequence any more: the net process is being ended because of it. */
void privileged_asked_expired(struct privileged *privileged);
/* What was asked for this context is of no consequence any more; it goes away. */
void privileged_abandon_asked(struct privileged *privileged, const void *context);
/* Calls nobody. */
void privileged_forget_asked(struct privileged *privileged);

/* privileged_attach.c: a net process is ready, has ended. */
void privileged_attach_all(struct privileged *privileged);
void privileged_net_ended(struct privileged *privileged);
/* What is due of one in a slot, which may be freed here. */
void privileged_run_attachment(struct attachment *attachment, uint64_t now);
/* When the above has something to do. */
uint64_t privileged_attachment_deadline(const struct attachment *attachment);

/* privileged_sockets.c: requests of the net process for a tunnel, and their replies. */
void privileged_answer_listen(struct privileged *privileged, const struct process_message *message);
void privileged_answer_mark(struct privileged *privileged, const struct process_message *message);
/* The reply, from whichever file: who does not read ends. */
void privileged_reply(struct privileged *privileged, const struct process_message *message,
					  const int *descriptors, size_t count);
/* Counts what the configuration does not allow and logs some of it; returns EPERM. */
int privileged_refuse(const struct attachment *attachment, const char *what, uint32_t value);
void privileged_unlisten(struct privileged *privileged, uint16_t slot);

/* privileged_settings.c: what a tunnel's server says of the interface. False: it is no such thing.
 */
bool privileged_take_settings(struct privileged *privileged, const struct channel_message *message);

/* privileged_streams.c: the same for sockets of a tunnel that carries streams. */
void privileged_answer_streams(struct privileged *privileged,
							   const struct process_message *message);
