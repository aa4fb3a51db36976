#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "wire/process.h"

/* Messages with descriptors over one end of the SOCK_SEQPACKET pair between two processes. */

struct channel_message {
	struct process_message message;
	int descriptors[PROCESS_DESCRIPTORS_MAX]; /* close-on-exec, owned by whoever has this */
	size_t count;
};

enum err channel_pair(int out_ends[static 2]); /* non-blocking, close-on-exec */

/* The descriptors stay the caller's. ERR_AGAIN: the queue is full. ERR_CLOSED: nobody reads. */
enum err channel_send(int channel, const struct process_message *message, const int *descriptors,
					  size_t count);

/*
 * Without waiting: ERR_AGAIN when there is nothing, ERR_CLOSED when the other process is gone. For
 * another error one record was lost, its descriptors are closed. Where there is no place for all of
 * its descriptors, a message whose receiver asks how many there are (ATTACH, CONNECTION, LISTENING,
 * LOGIN, RESULT, SET, SOCKETS, STRANGER, TEXT) comes without any.
 */
enum err channel_receive(int channel, struct channel_message *out_message);

/* Waits for the channel to be readable or writable (POLLIN, POLLOUT). ERR_EXPIRED at deadline. */
enum err channel_wait(int channel, short events, uint64_t deadline);

/* Waits for room first, until deadline. */
enum err channel_send_until(int channel, const struct process_message *message,
							const int *descriptors, size_t count, uint64_t deadline);

/* Closes the descriptors that are left. */
void channel_message_done(struct channel_message *message);

/* Takes a descriptor out of the message; the caller closes it. */
int channel_message_take(struct channel_message *message, size_t index);
