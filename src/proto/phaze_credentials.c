#include "proto/phaze_credentials.h"

#include <stdio.h>

#include "base/wipe.h"
#include "proto/device_record.h"
#include "proto/phaze_tickets.h"

void phaze_credentials_keep(struct phaze_credentials *credentials,
							const struct uapi_password *password) {
	wipe(&credentials->password, sizeof credentials->password);
	credentials->has_password = credentials->is_untried = password != NULL;
	if (password)
		credentials->password = *password;
}

void phaze_credentials_try(struct phaze_credentials *credentials, const struct phaze_member *server,
						   const char *name, const struct uapi_password *password, uint64_t until) {
	struct phaze_trial *trial = &credentials->trial;
	phaze_credentials_drop(credentials);
	trial->is_there = true;
	trial->until = until;
	(void)snprintf(trial->name, sizeof trial->name, "%s", name ? name : server->profile.name);
	if (password)
		trial->password = *password;
	else if (credentials->has_password)
		trial->password = credentials->password;
}

void phaze_credentials_accepted(struct phaze_credentials *credentials, bool resumed) {
	credentials->is_withheld &= resumed;
	credentials->is_untried = false;
	credentials->turn = 0;
}

void phaze_credentials_withhold(struct phaze_credentials *credentials) {
	credentials->is_withheld = true;
	credentials->is_untried = false;
}

void phaze_credentials_drop(struct phaze_credentials *credentials) {
	wipe(&credentials->trial, sizeof credentials->trial);
}

/* As if it had been configured so. */
static void save(const struct device *device, const struct phaze_trial *trial,
				 const struct phaze_member *server) {
	struct uapi_text text = {.data = NULL};
	uapi_put_key(&text, "public_key", server->shared.identity);
	uapi_put_line(&text, "update_only=true");
	if (trial->name[0] != '\0')
		uapi_put_text(&text, "name", trial->name);
	if (trial->password.size > 0)
		uapi_put_bytes(&text, "password", slice_of(trial->password.bytes, trial->password.size));
	device_record_save_dump(device->host, &text);
	uapi_text_done(&text);
}

void phaze_credentials_adopt(const struct device *device, struct phaze_credentials *credentials,
							 struct phaze_member *server) {
	const struct phaze_trial *trial = &credentials->trial;
	save(device, trial, server);
	(void)snprintf(server->profile.name, sizeof server->profile.name, "%s", trial->name);
	if (trial->password.size > 0)
		phaze_credentials_keep(credentials, &trial->password);
	credentials->is_withheld = false;
	phaze_credentials_drop(credentials);
}

static bool has_certificate(const struct device *device) {
	return phaze_trust_identity(device->trust)->chain.count > 0;
}

static bool any_known(const struct device *device, const struct phaze_credentials *credentials) {
	return !credentials->is_withheld && (credentials->has_password || has_certificate(device));
}

bool phaze_credentials_any(const struct device *device,
						   const struct phaze_credentials *credentials) {
	const struct phaze_trial *trial = &credentials->trial;
	return trial->is_there ? trial->password.size > 0 || has_certificate(device)
						   : any_known(device, credentials);
}

bool phaze_credentials_any_kept(const struct device *device,
								const struct phaze_credentials *credentials,
								const struct phaze_member *server) {
	return any_known(device, credentials) || phaze_tickets_nth(device, server, 0);
}

const struct phaze_ticket *phaze_credentials_ticket(const struct device *device,
													const struct phaze_credentials *credentials,
													const struct phaze_member *server) {
	return server->logs_in || credentials->trial.is_there
			   ? NULL
			   : phaze_tickets_nth(device, server, credentials->turn);
}

/* The one behind it may be good where it is not, and a password that was refused is no help. */
void phaze_credentials_show(const struct device *device,
							const struct phaze_credentials *credentials,
							const struct phaze_member *server,
							struct phaze_client_options *options) {
	const struct phaze_trial *trial = &credentials->trial;
	const struct uapi_password *password =
		trial->is_there ? &trial->password : &credentials->password;
	options->name = slice_of_text(trial->is_there ? trial->name : server->profile.name);
	options->password = slice_of(password->bytes, password->size);
	options->ticket = phaze_credentials_ticket(device, credentials, server);
	options->ticket_alone =
		options->ticket &&
		(credentials->is_withheld || phaze_tickets_nth(device, server, credentials->turn + 1));
}
