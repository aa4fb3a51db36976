#include "daemon/control_logins.h"

#include "base/log.h"
#include "daemon/control_core.h"

/* There are no users yet whom anybody could be. */
static void answer(struct control *control, const struct process_message *login) {
	const struct process_message message = {
		.type = PROCESS_VERDICT,
		.tunnel = login->tunnel,
		.verdict = {.id = login->login.id, .reject = PROCESS_REJECT_BUSY},
	};
	enum err error = control_channel_send(&control->net, &message, -1);
	if (error)
		log_debug("a verdict was not told: %s", err_text(error));
}

void control_logins_hear(struct control *control, const struct channel_message *message) {
	if (message->message.type == PROCESS_LOGIN)
		answer(control, &message->message);
}
