#pragma once

#include "handshake/phaze_client.h"
#include "proto/phaze_control.h"

/*
 * What a client shows its server: user and password, its certificate, tickets. What a person says
 * to log in with is a trial: shown alone, and kept in the place of what was known before when the
 * server has accepted it, also for the next run of this process. Until then nothing has changed.
 */

struct phaze_trial {
	bool is_there;
	bool stands_alone; /* the session was ended for it */
	uint64_t until;    /* ns: so long a busy server keeps a client without a session waiting */
	char name[UAPI_NAME_MAX + 1];
	struct uapi_password password; /* size 0: none */
};

/* Secret. Zeroed it is empty. */
struct phaze_credentials {
	bool has_password;
	struct uapi_password password;
	bool is_untried; /* it was said after the last handshake that the server accepted */
	/* The server takes none of what the user is known by: tickets alone are shown until something
	 * changes. */
	bool is_withheld;
	size_t turn; /* of the server's tickets, the one that is shown; beyond them: none */
	struct phaze_trial trial;
};

/* NULL: no password. */
void phaze_credentials_keep(struct phaze_credentials *credentials,
							const struct uapi_password *password);

/* NULL: what is known of it. */
void phaze_credentials_try(struct phaze_credentials *credentials, const struct phaze_member *server,
						   const char *name, const struct uapi_password *password, uint64_t until);
/* The server let the client in by what was shown: by a ticket, or by what the user is known by. */
void phaze_credentials_accepted(struct phaze_credentials *credentials, bool resumed);
/* The server takes none of what the user is known by. */
void phaze_credentials_withhold(struct phaze_credentials *credentials);
/* The trial is over, and was nothing. */
void phaze_credentials_drop(struct phaze_credentials *credentials);
/* The trial is over, and is kept. */
void phaze_credentials_adopt(const struct device *device, struct phaze_credentials *credentials,
							 struct phaze_member *server);

/* Besides tickets, something that may be good. */
bool phaze_credentials_any(const struct device *device,
						   const struct phaze_credentials *credentials);
/* Whether there were something to show without the trial. */
bool phaze_credentials_any_kept(const struct device *device,
								const struct phaze_credentials *credentials,
								const struct phaze_member *server);
/* The ticket whose turn it is; NULL: none is to be shown. */
const struct phaze_ticket *phaze_credentials_ticket(const struct device *device,
													const struct phaze_credentials *credentials,
													const struct phaze_member *server);
/* Name, password and ticket of a handshake that begins, as views. */
void phaze_credentials_show(const struct device *device,
							const struct phaze_credentials *credentials,
							const struct phaze_member *server,
							struct phaze_client_options *options);
