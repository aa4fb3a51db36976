#include "daemon/device_logins.h"

#include <string.h>

#include "base/wipe.h"
#include "daemon/shared_text.h"
#include "wire/process_login.h"

_Static_assert((int)DEVICE_USER_MAX == (int)PROCESS_LOGIN_USER_MAX &&
				   (int)DEVICE_PASSWORD_MAX == (int)PROCESS_LOGIN_PASSWORD_MAX &&
				   (int)DEVICE_TICKET_MAX == (int)PROCESS_TICKET_MAX &&
				   (int)DEVICE_TICKET_HASH_SIZE == (int)PROCESS_HASH_SIZE,
			   "what a device may tell has room in the messages");

enum err device_logins_ask(const struct net_callbacks *callbacks,
						   const struct device_login *login) {
	const struct process_login told = {
		.user = login->user,
		.password = login->password,
		.from = login->from,
		.by_certificate = login->by_certificate,
		.stream = login->stream,
	};
	struct {
		uint8_t data[PROCESS_LOGIN_SIZE_MAX];
	} s;
	WIPE_ON_EXIT(s);
	size_t size;
	int descriptor;
	enum err error = process_login_encode(&told, s.data, &size);
	if (!error)
		error = shared_text_new(slice_of(s.data, size), &descriptor);
	if (error)
		return error;
	struct process_message message = {.type = PROCESS_LOGIN, .login = {.id = login->id}};
	return callbacks->tell(callbacks->context, &message, descriptor);
}

/* Without a control process nobody works on it any more. */
void device_logins_abandon(const struct net_callbacks *callbacks, uint64_t id) {
	struct process_message message = {.type = PROCESS_ABANDON, .login = {.id = id}};
	(void)callbacks->tell(callbacks->context, &message, -1);
}

enum err device_logins_ticket(const struct net_start *start, const struct device_ticket *ticket) {
	struct process_message message = {.type = PROCESS_TICKET};
	struct process_ticket *told = &message.ticket;
	memcpy(told->public_key, ticket->public_key, sizeof told->public_key);
	if (ticket->sealed.size > 0 && ticket->sealed.size <= sizeof told->sealed) {
		memcpy(told->hash, ticket->hash, sizeof told->hash);
		told->until = ticket->until;
		told->size = (uint8_t)ticket->sealed.size;
		memcpy(told->sealed, ticket->sealed.data, ticket->sealed.size);
	}
	return start->callbacks.tell(start->callbacks.context, &message, -1);
}

enum err device_logins_used(const struct net_start *start,
							const uint8_t public_key[static X25519_KEY_SIZE], uint64_t bytes) {
	struct process_message message = {.type = PROCESS_USED, .used = {.bytes = bytes}};
	memcpy(message.used.public_key, public_key, sizeof message.used.public_key);
	return bytes > 0 ? start->callbacks.tell(start->callbacks.context, &message, -1) : ERR_OK;
}

void device_logins_judge(const struct device_ops *ops, struct device *device,
						 const struct process_verdict *verdict) {
	static const enum device_reject rejects[PROCESS_REJECTS] = {
		[PROCESS_ACCEPTED] = DEVICE_ACCEPTED,
		[PROCESS_REJECT_CREDENTIALS] = DEVICE_REJECT_CREDENTIALS,
		[PROCESS_REJECT_BUSY] = DEVICE_REJECT_BUSY,
		[PROCESS_REJECT_EXPIRED] = DEVICE_REJECT_EXPIRED,
		[PROCESS_REJECT_QUOTA] = DEVICE_REJECT_QUOTA,
		[PROCESS_REJECT_DEVICES] = DEVICE_REJECT_DEVICES,
		[PROCESS_REJECT_ADDRESS] = DEVICE_REJECT_ADDRESS,
	};
	struct device_verdict judged = {
		.id = verdict->id,
		.reject = rejects[verdict->reject],
		.loaded = verdict->loaded,
	};
	memcpy(judged.public_key, verdict->public_key, sizeof judged.public_key);
	ops->verdict(device, &judged);
}
