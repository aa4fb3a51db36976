#pragma once

#include "base/list.h"
#include "base/log.h"
#include "crypto/password.h"
#include "daemon/control_core.h"
#include "daemon/control_logins.h"
#include "session/guess_delay.h"
#include "session/retry_backoff.h"
#include "store/store_leases.h"
#include "store/store_tickets.h"
#include "store/store_users.h"
#include "wire/process_login.h"

/* Inside of the judge of logins, for control_logins*.c only. */

enum {
	CONTROL_LOGINS_MAX = 128,        /* that wait, are judged, or are being let in */
	CONTROL_LOGINS_RUNNING_MAX = 4,  /* passwords that are looked at at once, 64 MiB each */
	CONTROL_LOGINS_MEMBER_SIZE = 80, /* "alice/255" */
};

/* Who is refused because all his devices are logged in has the figures of all members asked for,
 * which may be many: so often at most, of a tunnel. */
#define CONTROL_LOGINS_FIGURES_INTERVAL (30 * CLOCK_SECOND)

/* Who waited so long is told to come again: soon after that his client hears nothing any more, and
 * there are those who came later. */
#define CONTROL_LOGINS_PATIENCE (12 * CLOCK_SECOND)

/* A lease that was not used for so many seconds may be taken back where no address is free. */
#define CONTROL_LOGINS_IDLE (UINT64_C(30) * 24 * 3600)

/* How long a member is taken for who was let in, and has not begun yet. */
#define CONTROL_LOGINS_RESERVED (20 * CLOCK_SECOND)

/* Codes that a session ends with: what its other end is told. */
enum control_logins_end {
	CONTROL_LOGINS_STAYS = 0,
	CONTROL_LOGINS_REVOKED = 2,
	CONTROL_LOGINS_EXPIRED = 3,
	CONTROL_LOGINS_QUOTA = 4,
};

enum control_login_state {
	CONTROL_LOGIN_WAITING,
	CONTROL_LOGIN_RUNNING, /* a thread looks at the password */
	CONTROL_LOGIN_SETTING, /* net is told of the member */
};

struct control_login {
	struct list link;
	struct control *control;
	struct control_tunnel *tunnel;
	uint64_t run, net_start; /* of the tunnel, and of the process that asked */
	uint16_t slot;
	uint64_t id;
	enum control_login_state state;
	bool abandoned;
	bool by_certificate;
	struct endpoint from;
	uint64_t delay_key;
	uint64_t network;                   /* stands for the one that it comes from */
	uint64_t turn;                      /* the least is next: see control_logins_queue.c */
	uint64_t since;                     /* ns: when it was asked */
	char user[STORE_USER_NAME_MAX + 1]; /* "": no name that a user has */
	uint8_t password[PROCESS_LOGIN_PASSWORD_MAX];
	size_t password_size;
	char hash[STORE_PASSWORD_MAX + 1]; /* that it is compared with; "": nobody's */
	enum err result;
	/* While it is SETTING: */
	uint8_t member[TEXT_KEY_SIZE];
	uint64_t epoch; /* sessions of before it end with that; 0: there is nothing to be kept of it */
};

struct control_logins {
	struct guess_delay *delay;
	struct list items; /* struct control_login, in order of arrival */
	size_t count, running, running_max;
	struct list tickets; /* that are to be kept, in order of arrival */
	struct list late;    /* right passwords of those who had gone, the oldest first */
	size_t late_count;
	uint64_t turn; /* of who was looked at last */
	struct {
		uint64_t figures_at; /* ns: when to ask for all of its members' again */
		bool is_doubtful;    /* an order was lost */
	} tunnels[CONFIG_TUNNELS_MAX];
	uint64_t repeat_at; /* ns: when to look at those */
	struct retry_backoff repeats;
	uint64_t flush_at;  /* ns; CLOCK_NEVER: the store has all */
	uint64_t weigh_at;  /* ns: when to look at what users with a quota used */
	uint64_t expire_at; /* ns: when to look who has expired */
	uint64_t expired;   /* seconds since the Unix epoch: that was done up to here */
	struct log_kind refused, unanswered, unkept;
};

/* control_logins_orders.c */

/* A member of whom the store has to learn that its sessions of before an epoch are over. */
struct control_logins_owed {
	uint8_t member[TEXT_KEY_SIZE];
	uint64_t epoch;
};

/* Lines for a tunnel's device; zeroed there are none. */
struct control_logins_order {
	struct uapi_text text;
	struct control_logins_owed *owed;
	size_t owed_count, owed_capacity;
};

/* By the tunnels' places. */
struct control_logins_orders {
	struct control_logins_order of[CONFIG_TUNNELS_MAX];
};

void control_logins_put_end(struct uapi_text *text, const uint8_t key[static TEXT_KEY_SIZE],
							enum control_logins_end code);
/* With the lines of the order the member ends. */
void control_logins_owe(struct control_logins_order *order, const uint8_t key[static TEXT_KEY_SIZE],
						uint64_t epoch);
/*
 * While it is down nobody has a session; when it comes up, all is pushed. So it is when an order
 * was lost. The lines are freed.
 */
void control_logins_send(struct control_tunnel *tunnel, struct control_logins_order *order);
void control_logins_send_all(struct control *control, struct control_logins_orders *orders);
/* What the device knows may be wrong. */
void control_logins_doubt(struct control_tunnel *tunnel);
/* Pushes again what is due, and returns the next deadline. */
uint64_t control_logins_repeat(struct control *control, uint64_t now);

/* control_logins.c */

/* How many passwords are looked at at once. */
size_t control_logins_threads(unsigned processors);

/* control_logins_queue.c */

void control_logins_ask(struct control *control, const struct channel_message *message);
void control_logins_abandon(struct control *control, const struct process_message *message);
/* Whoever waits and may be looked at now. */
void control_logins_next(struct control *control);
/* The login is freed. */
void control_logins_answer(struct control_login *login, enum process_reject reject);

/* control_logins_reclaim.c */

/* True: an address that was a lease's of nobody who is there is free; lines that have the device
 * know that are added. */
bool control_logins_reclaim(struct control_tunnel *tunnel, struct uapi_text *text);
/* Whether an address that it has is not of the tunnel's networks any more. */
bool control_logins_is_outside(const struct config_prefixes *pool, const struct store_lease *lease);
/* Whether both addresses are of the tunnel's networks, and there is one of each of them. */
bool control_logins_has_place(const struct config_prefixes *pool, const struct store_lease *lease);

/* control_logins_late.c */

/* True: one that is being looked at is this one from now on, which is the caller's. */
bool control_logins_take_over(struct control_login *login);
/* True: its password was looked at just now, and compared with the hash that it has now. */
bool control_logins_was_right(struct control_login *login);
/* In place of control_logins_answer(): it was right, and has gone. */
void control_logins_keep_late(struct control_login *login);
/* Forgets what is due, and returns the next deadline. */
uint64_t control_logins_late_run(struct control *control, uint64_t now);
void control_logins_late_done(struct control_logins *logins);

/* control_logins_verdict.c */

/* Who he is was shown. In the end control_logins_answer() is called. */
void control_logins_admit(struct control_login *login);

/* control_logins_members.c */

/* Whether it is a server whose clients log in. */
bool control_logins_is_server(const struct control_tunnel *tunnel);
void control_logins_member_name(const struct store_user *user, uint32_t number,
								char out_name[static CONTROL_LOGINS_MEMBER_SIZE]);
/* Into the directory: the peer that it is there; NULL where something of the file is in its place.
 */
enum err control_logins_add_member(struct directory *directory, const struct config_tunnel *tunnel,
								   const struct store_user *user, const struct store_lease *lease,
								   struct directory_peer **out_peer);
/* All lines of it. */
void control_logins_put_member(struct uapi_text *text, const struct control_tunnel *tunnel,
							   const struct store_user *user, const struct store_lease *lease);
/* Why the user's sessions in this tunnel have to end, if they have. */
enum control_logins_end control_logins_standing(const struct control_tunnel *tunnel,
												const struct store_user *user);
/* All sessions of the user end. */
void control_logins_end_user(struct control *control, const struct store_user *user,
							 enum control_logins_end code, struct control_logins_orders *orders);
/* One more than its user may have: it goes, with its lease. */
void control_logins_drop_member(const struct control_tunnel *tunnel, struct directory_peer *member,
								struct uapi_text *text);
/* Rates, ends and what is left of the quota are told anew; devices beyond those allowed go. */
void control_logins_limit_user(struct control *control, const struct store_user *user,
							   struct control_logins_orders *orders);
/* Members of the user, in all tunnels. */
size_t control_logins_devices(const struct control *control, const struct store_user *user);

/* control_logins_tickets.c */

/* It is in the store by the end of the loop's turn. */
void control_logins_ticket(struct control *control, const struct process_message *message);
/* Those that came are in the store, before something else is done there about tickets. */
void control_logins_keep_tickets(struct control *control);

/* control_logins_usage.c */

void control_logins_used(struct control *control, const struct process_message *message);
/* Bytes that the user has left: UINT64_MAX without a quota. */
uint64_t control_logins_left(const struct control *control, const struct store_user *user);
/* It was seen: the store learns of it some time. */
void control_logins_seen(struct control *control, struct directory_peer *member);
/* Somebody may expire sooner than was known. */
void control_logins_expires(struct control *control, uint64_t expires);
uint64_t control_logins_usage_run(struct control *control, uint64_t now);
