#include "daemon/control_users.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/wipe.h"
#include "conf/value.h"
#include "crypto/csprng.h"
#include "crypto/member.h"
#include "crypto/password.h"
#include "ctl/view_user.h"
#include "daemon/control_core.h"
#include "daemon/control_logins.h"
#include "loop/control_work.h"
#include "store/store_leases.h"
#include "store/store_users.h"

#define NAME_EXPECTED "1 to 63 letters, digits and \" _.@-\", the first a letter or digit"

enum {
	MESSAGE_SIZE = 1024,
	ADDRESSES = 2,  /* of a lease */
	HASHES_MAX = 8, /* passwords that are hashed or wait for that, of requests */
};

_Static_assert((int)VIEW_GROUPS_MAX == (int)STORE_USER_GROUPS_MAX);
_Static_assert((int)VIEW_DEVICES_MAX == (int)STORE_DEVICES_MAX);

/* What somebody wants of a user, who may be a new one. Its password is hashed meanwhile. */
struct change {
	struct control *control;
	struct ctl_request *request;
	bool adds;
	/* Of what was said; the texts of this are gone, and are in the user. */
	struct view_user_request said;
	bool has_password;
	char password[VIEW_PASSWORD_MAX + 1], hash[PASSWORD_TEXT_SIZE];
	enum err error; /* of hashing it */
	struct store_user user;
};

static size_t hashes; /* that are under way */

static void change_free(struct change *change) {
	if (change)
		wipe(change, sizeof *change);
	free(change);
}

/* Answers */

static void answer_absent(struct ctl_request *request, const char *name) {
	char text[MESSAGE_SIZE];
	(void)snprintf(text, sizeof text, "there is no user %.100s", name);
	ctl_answer_error(request, 404, "not_found", text);
}

static void answer_exists(struct ctl_request *request, const char *name) {
	char text[MESSAGE_SIZE];
	(void)snprintf(text, sizeof text, "there is a user %.100s already", name);
	ctl_answer_error(request, 409, "exists", text);
}

static char *copy_groups(const struct store_user *user) {
	char *text = calloc(STORE_USER_GROUPS_MAX, sizeof user->groups[0]), *end = text;
	for (size_t i = 0; text && i < user->group_count; i++) {
		size_t size = strlen(user->groups[i]);
		if (i > 0)
			*end++ = '\n';
		memcpy(end, user->groups[i], size);
		end += size;
	}
	return text;
}

struct leases {
	const char *user;
	struct view_user *view;
};

static enum err add_lease(void *context, const char *tunnel, const struct store_lease *lease) {
	struct leases *leases = context;
	struct view_user *view = leases->view;
	struct view_lease *items =
		reallocarray(view->leases, view->lease_count + 1, sizeof *view->leases);
	if (!items)
		return ERR_NO_MEMORY;
	view->leases = items;
	struct view_lease *new = &items[view->lease_count++];
	char name[STORE_USER_NAME_MAX + 16];
	member_name(leases->user, lease->number, name, sizeof name);
	*new = (struct view_lease){.tunnel = strdup(tunnel), .peer = strdup(name), .used = lease->used};
	new->addresses = calloc(ADDRESSES, sizeof *new->addresses);
	if (!new->tunnel || !new->peer || !new->addresses)
		return ERR_NO_MEMORY;
	const struct address *const all[ADDRESSES] = {&lease->v4, &lease->v6};
	for (size_t i = 0; i < ADDRESSES; i++)
		if (all[i]->family != ADDRESS_NONE)
			new->addresses[new->address_count++] = *all[i];
	return ERR_OK;
}

/* *out_view is to be given to view_user_done() in any case. */
static enum err make_view(struct store *store, const struct store_user *user,
						  struct view_user *out_view) {
	*out_view = (struct view_user){
		.name = strdup(user->name),
		.has_password = user->password[0],
		.groups = copy_groups(user),
		.disabled = user->disabled,
		.expires = user->expires,
		.quota = user->quota,
		.used = user->used,
		.rate = user->rate,
		.devices = user->devices,
		.created = user->created,
		.seen = user->seen,
	};
	struct leases leases = {.user = user->name, .view = out_view};
	return out_view->name && out_view->groups
			   ? store_leases_of(store, NULL, user->id, add_lease, &leases)
			   : ERR_NO_MEMORY;
}

static void answer_user(struct control *control, struct ctl_request *request, unsigned status,
						const struct store_user *user) {
	struct view_user view;
	enum err error = make_view(control->store, user, &view);
	if (error)
		control_api_error(request, error, user->name);
	else
		ctl_answer_user(request, status, &view);
	view_user_done(&view);
}

/* Questions */

struct users {
	struct store *store;
	struct view_user *items;
	size_t count, capacity;
};

static enum err add_user(void *context, const struct store_user *user) {
	struct users *users = context;
	if (users->count == users->capacity) {
		size_t capacity = users->capacity ? 2 * users->capacity : 64;
		struct view_user *items = reallocarray(users->items, capacity, sizeof *items);
		if (!items)
			return ERR_NO_MEMORY;
		users->items = items;
		users->capacity = capacity;
	}
	return make_view(users->store, user, &users->items[users->count++]);
}

static void list(struct control *control, struct ctl_request *request) {
	struct users users = {.store = control->store};
	enum err error = store_users_each(control->store, add_user, &users);
	if (error)
		control_api_error(request, error, "the users");
	else
		ctl_answer_users(request, users.items, users.count);
	view_users_free(users.items, users.count);
}

/* Whether there is one; otherwise the request is answered. The caller wipes it. */
static bool find(struct control *control, struct ctl_request *request, const char *name,
				 struct store_user *out_user) {
	enum err error = store_users_find(control->store, name, out_user);
	if (error == ERR_NOT_FOUND)
		answer_absent(request, name);
	else if (error)
		control_api_error(request, error, name);
	return !error;
}

static void show(struct control *control, struct ctl_request *request, const char *name) {
	struct {
		struct store_user user;
	} s;
	WIPE_ON_EXIT(s);
	if (find(control, request, name, &s.user))
		answer_user(control, request, 200, &s.user);
}

/* Changes */

static void removed(struct control *control, struct ctl_request *request, const char *name) {
	char text[MESSAGE_SIZE];
	(void)snprintf(text, sizeof text, "%.100s was removed", name);
	control_api_publish(control, "user.removed", NULL, NULL, "%s", text);
	ctl_answer_done(request, text);
}

static void remove_user(struct control *control, struct ctl_request *request, const char *name) {
	struct {
		struct store_user user;
	} s;
	WIPE_ON_EXIT(s);
	if (!find(control, request, name, &s.user))
		return;
	control_logins_changed(control, &s.user, CONTROL_USERS_REMOVING);
	enum err error = store_users_remove(control->store, s.user.id);
	if (error)
		control_api_error(request, error, name);
	else
		removed(control, request, name);
}

/* What was said, on what is there. */
static void apply(const struct change *change, struct store_user *user) {
	const struct view_user_request *said = &change->said;
	const struct store_user *wanted = &change->user;
	if (change->has_password)
		memcpy(user->password, wanted->password, sizeof user->password);
	if (said->has_groups) {
		memcpy(user->groups, wanted->groups, sizeof user->groups);
		user->group_count = wanted->group_count;
	}
	if (said->has_disabled)
		user->disabled = said->disabled;
	if (said->has_expires)
		user->expires = said->expires;
	if (said->has_quota)
		user->quota = said->quota;
	if (said->has_rate)
		user->rate = said->rate;
	if (said->has_devices)
		user->devices = said->devices;
}

static void finish_add(struct change *change) {
	struct control *control = change->control;
	struct store_user user = {.devices = STORE_DEVICES_DEFAULT,
							  .created = clock_wall_now() / CLOCK_SECOND};
	memcpy(user.name, change->user.name, sizeof user.name);
	apply(change, &user);
	enum err error = store_users_add(control->store, &user, &user.id);
	if (error == ERR_EXISTS)
		answer_exists(change->request, user.name);
	else if (error)
		control_api_error(change->request, error, user.name);
	if (!error) {
		control_api_publish(control, "user.added", NULL, NULL, "%s was added", user.name);
		answer_user(control, change->request, 201, &user);
	}
	wipe(&user, sizeof user);
}

/* All of it or nothing. */
static enum err write_change(struct store *store, const struct change *change,
							 const struct store_user *user, bool locks) {
	enum err error = store_begin(store);
	if (error)
		return error;
	error = store_users_change(store, user);
	if (!error && change->said.resets)
		error = store_users_reset(store, user->id);
	if (!error && locks)
		error = store_users_lock(store, user->id);
	if (!error)
		return store_commit(store);
	store_rollback(store);
	return error;
}

static void finish_change(struct change *change) {
	struct {
		struct store_user user;
	} s;
	WIPE_ON_EXIT(s);
	struct control *control = change->control;
	if (!find(control, change->request, change->user.name, &s.user))
		return;
	const bool was_disabled = s.user.disabled;
	apply(change, &s.user);
	const bool locks = change->has_password || (s.user.disabled && !was_disabled);
	enum err error = write_change(control->store, change, &s.user, locks);
	if (error) {
		control_api_error(change->request, error, s.user.name);
		return;
	}
	if (change->said.resets)
		s.user.used = 0;
	s.user.epoch += locks;
	control_logins_changed(control, &s.user, locks ? CONTROL_USERS_LOCKED : CONTROL_USERS_LIMITS);
	control_api_publish(control, "user.changed", NULL, NULL, "%s was changed", s.user.name);
	answer_user(control, change->request, 200, &s.user);
}

static bool has_store(const struct control *control, struct ctl_request *request) {
	char text[MESSAGE_SIZE];
	if (control->store)
		return true;
	(void)snprintf(text, sizeof text, "there are no users, as the store does not work: %s",
				   control->store_problem);
	ctl_answer_error(request, 503, "unavailable", text);
	return false;
}

/* The change is freed. */
static void finish(struct change *change) {
	if (has_store(change->control, change->request)) {
		if (change->adds)
			finish_add(change);
		else
			finish_change(change);
	}
	change_free(change);
}

/* On another thread. */
static void hash(void *context) {
	struct change *change = context;
	change->error = password_hash(slice_of_text(change->password), &csprng, change->hash);
	wipe(change->password, sizeof change->password);
}

static void hashed(void *context) {
	struct change *change = context;
	struct control *control = change->control;
	size_t size = change->error ? 0 : strlen(change->hash);
	hashes--;
	/* At its end nobody is there any more who could be answered. */
	if (control->stop) {
		change_free(change);
		return;
	}
	if (!change->error && size > STORE_PASSWORD_MAX)
		change->error = ERR_LIMIT;
	if (change->error) {
		control_api_error(change->request, change->error, "hashing of the password");
		change_free(change);
	} else {
		memcpy(change->user.password, change->hash, size + 1);
		finish(change);
	}
	control_run(control);
}

static int compare_groups(const void *left, const void *right) {
	return strcmp(left, right);
}

/* Each once, as the store gives them. */
static void order_groups(struct store_user *user) {
	size_t count = 0;
	qsort(user->groups, user->group_count, sizeof user->groups[0], compare_groups);
	for (size_t i = 0; i < user->group_count; i++)
		if (count == 0 || strcmp(user->groups[count - 1], user->groups[i]) != 0)
			memmove(user->groups[count++], user->groups[i], sizeof user->groups[0]);
	user->group_count = count;
}

/* Whether all are names; otherwise the request is answered. */
static bool take_groups(struct change *change, const char *text) {
	struct store_user *user = &change->user;
	while (text && *text) {
		size_t size = strcspn(text, "\n");
		char *name = user->groups[user->group_count++];
		(void)snprintf(name, sizeof user->groups[0], "%.*s", (int)size, text);
		if (size > STORE_GROUP_NAME_MAX || !value_is_label(name)) {
			ctl_answer_error(change->request, 400, "invalid", "groups: each has " NAME_EXPECTED);
			return false;
		}
		text += size + (text[size] != '\0');
	}
	order_groups(user);
	return true;
}

static void start(struct change *change, const char *password) {
	change->has_password = password != NULL;
	if (!password || !*password) {
		finish(change);
		return;
	}
	enum err error = hashes < HASHES_MAX ? ERR_OK : ERR_LIMIT;
	(void)snprintf(change->password, sizeof change->password, "%s", password);
	if (!error)
		error = control_work_start(change->control->loop, hash, hashed, change);
	if (!error) {
		hashes++;
		return;
	}
	control_api_error(change->request, error, "hashing of the password");
	change_free(change);
}

/* A new user's name is in what is wanted, an old one's in the path. */
static void change(struct control *control, struct ctl_request *request,
				   const struct view_user_request *wanted, const char *name) {
	struct change *change = calloc(1, sizeof *change);
	if (!change) {
		control_api_error(request, ERR_NO_MEMORY, name);
		return;
	}
	change->control = control;
	change->request = request;
	change->adds = wanted->name != NULL;
	change->said = *wanted;
	change->said.name = change->said.password = change->said.groups = NULL;
	(void)snprintf(change->user.name, sizeof change->user.name, "%s", name);
	if (take_groups(change, wanted->groups))
		start(change, wanted->password);
	else
		change_free(change);
}

static void add(struct control *control, struct ctl_request *request,
				const struct view_user_request *wanted) {
	struct {
		struct store_user user;
	} s;
	WIPE_ON_EXIT(s);
	if (!value_is_label(wanted->name))
		ctl_answer_error(request, 400, "invalid", "name: " NAME_EXPECTED);
	/* Before it costs a hash. */
	else if (!store_users_find(control->store, wanted->name, &s.user))
		answer_exists(request, wanted->name);
	else
		change(control, request, wanted, wanted->name);
}

static void change_user(struct control *control, struct ctl_request *request,
						const struct view_user_request *wanted, const char *name) {
	struct {
		struct store_user user;
	} s;
	WIPE_ON_EXIT(s);
	if (find(control, request, name, &s.user))
		change(control, request, wanted, s.user.name);
}

void control_users_ask(struct control *control, struct ctl_request *request,
					   const struct ctl_question *question) {
	if (!has_store(control, request))
		return;
	/* What users have used is what the store says. */
	control_logins_flush(control);
	switch (question->kind) {
	case CTL_USERS:
		list(control, request);
		break;
	case CTL_USER:
		show(control, request, question->user);
		break;
	case CTL_USER_ADD:
		add(control, request, question->user_request);
		break;
	case CTL_USER_CHANGE:
		change_user(control, request, question->user_request, question->user);
		break;
	case CTL_USER_REMOVE:
		remove_user(control, request, question->user);
		break;
	default:
		ctl_answer_error(request, 500, "failed", "this is no question about users");
		break;
	}
}
