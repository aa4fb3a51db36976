#include "ctl/view_user.h"

#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "ctl/view_body.h"
#include "ctl/view_json.h"

enum {
	NAME_MAX_SIZE = 256,       /* the daemon allows less and says so */
	GROUPS_MAX_SIZE = 4 << 10, /* bytes of all */
	LEASES_MAX = 1 << 16,
};

static const char GROUPS_EXPECTED[] = "a list of names such as \"staff\"";

/* Users */

static void lease_done(struct view_lease *lease) {
	free(lease->tunnel);
	free(lease->peer);
	free(lease->addresses);
}

void view_user_done(struct view_user *user) {
	if (!user)
		return;
	for (size_t i = 0; i < user->lease_count; i++)
		lease_done(&user->leases[i]);
	free(user->leases);
	free(user->name);
	free(user->groups);
	*user = (struct view_user){0};
}

void view_users_free(struct view_user *users, size_t count) {
	for (size_t i = 0; i < count; i++)
		view_user_done(&users[i]);
	free(users);
}

static void put_leases(struct view_writer *writer, const struct view_user *user) {
	json_t *array = json_array();
	for (size_t i = 0; array && i < user->lease_count; i++) {
		const struct view_lease *lease = &user->leases[i];
		struct view_writer inner = view_writer_new();
		view_put_text(&inner, "tunnel", lease->tunnel);
		view_put_text(&inner, "peer", lease->peer);
		view_put_addresses(&inner, "addresses", lease->addresses, lease->address_count);
		view_put_number_or_null(&inner, "used", lease->used);
		writer->failed = writer->failed || inner.failed;
		/* That takes the object over. */
		if (json_array_append_new(array, inner.object))
			writer->failed = true;
	}
	view_put(writer, "leases", array);
}

static void put_user(const struct view_user *user, struct view_text *text) {
	struct view_writer w = view_writer_new();
	view_put_text(&w, "name", user->name);
	view_put_bool(&w, "has_password", user->has_password);
	view_put_lines(&w, "groups", user->groups);
	view_put_bool(&w, "disabled", user->disabled);
	view_put_number_or_null(&w, "expires", user->expires);
	view_put_number_or_null(&w, "quota", user->quota);
	view_put_number(&w, "used", user->used);
	view_put_number_or_null(&w, "rate", user->rate);
	view_put_number(&w, "devices", user->devices);
	view_put_number(&w, "created", user->created);
	view_put_number_or_null(&w, "seen", user->seen);
	put_leases(&w, user);
	view_writer_end(&w, text, false);
}

static void get_lease(struct view_reader *reader, const json_t *object, struct view_lease *lease) {
	struct view_reader inner = view_reader_of(object);
	lease->tunnel = view_get_text(&inner, "tunnel", VIEW_TEXT_MAX, true);
	lease->peer = view_get_text(&inner, "peer", VIEW_TEXT_MAX, true);
	lease->addresses = view_get_addresses(&inner, "addresses", &lease->address_count);
	lease->used = view_get_number(&inner, "used", INT64_MAX);
	if (inner.error)
		reader->error = inner.error;
}

static void get_leases(struct view_reader *reader, struct view_user *user) {
	const json_t *array = view_get_array(reader, "leases", LEASES_MAX);
	size_t count = json_array_size(array);
	if (count == 0)
		return;
	user->leases = calloc(count, sizeof *user->leases);
	if (!user->leases) {
		reader->error = ERR_NO_MEMORY;
		return;
	}
	for (size_t i = 0; i < count && !reader->error; i++) {
		get_lease(reader, json_array_get(array, i), &user->leases[i]);
		user->lease_count = i + 1;
	}
}

static enum err get_user(const json_t *object, struct view_user *out_user) {
	struct view_reader r = view_reader_of(object);
	struct view_user user = {0};
	user.name = view_get_text(&r, "name", VIEW_TEXT_MAX, true);
	user.has_password = view_get_bool(&r, "has_password");
	user.groups = view_get_lines(&r, "groups", GROUPS_MAX_SIZE, GROUPS_EXPECTED);
	user.disabled = view_get_bool(&r, "disabled");
	user.expires = view_get_number(&r, "expires", INT64_MAX);
	user.quota = view_get_number(&r, "quota", INT64_MAX);
	user.used = view_get_number(&r, "used", INT64_MAX);
	user.rate = view_get_number(&r, "rate", INT64_MAX);
	user.devices = (uint32_t)view_get_number(&r, "devices", UINT32_MAX);
	user.created = view_get_number(&r, "created", INT64_MAX);
	user.seen = view_get_number(&r, "seen", INT64_MAX);
	get_leases(&r, &user);
	if (r.error) {
		view_user_done(&user);
		return r.error;
	}
	*out_user = user;
	return ERR_OK;
}

enum err view_user_encode(const struct view_user *user, char **out_text, size_t *out_size) {
	struct view_text text = {0};
	put_user(user, &text);
	return view_text_take(&text, out_text, out_size);
}

enum err view_user_decode(const char *text, size_t size, struct view_user *out_user) {
	json_t *object;
	enum err error = view_json_parse(text, size, &object);
	if (error)
		return error;
	error = get_user(object, out_user);
	json_decref(object);
	return error;
}

enum err view_users_encode(const struct view_user *users, size_t count, char **out_text,
						   size_t *out_size) {
	static const char opening[] = "{\"users\":[";
	struct view_text text = {0};
	view_text_add(&text, opening, sizeof opening - 1);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			view_text_add(&text, ",", 1);
		put_user(&users[i], &text);
	}
	view_text_add(&text, "]}", 2);
	return view_text_take(&text, out_text, out_size);
}

static enum err get_users(const json_t *object, struct view_user **out_users, size_t *out_count) {
	struct view_reader r = view_reader_of(object);
	const json_t *array = view_get_array(&r, "users", VIEW_JSON_MAX);
	size_t count = json_array_size(array);
	if (!array)
		view_fail(&r, "users", "a list");
	struct view_user *users = r.error ? NULL : calloc(count + 1, sizeof *users);
	if (!users)
		return r.error ? r.error : ERR_NO_MEMORY;
	for (size_t i = 0; i < count; i++) {
		enum err error = get_user(json_array_get(array, i), &users[i]);
		if (error) {
			view_users_free(users, i);
			return error;
		}
	}
	*out_users = users;
	*out_count = count;
	return ERR_OK;
}

enum err view_users_decode(const char *text, size_t size, struct view_user **out_users,
						   size_t *out_count) {
	json_t *object;
	enum err error = view_json_parse(text, size, &object);
	if (error)
		return error;
	error = get_users(object, out_users, out_count);
	json_decref(object);
	return error;
}

/* Requests */

void view_user_request_done(struct view_user_request *request) {
	if (!request)
		return;
	if (request->password)
		wipe(request->password, strlen(request->password));
	free(request->password);
	free(request->name);
	free(request->groups);
	*request = (struct view_user_request){0};
}

enum err view_user_request_encode(const struct view_user_request *request, char **out_text,
								  size_t *out_size) {
	view_body_guard();
	struct view_text text = {0};
	struct view_writer w = view_writer_new();
	if (request->name)
		view_put_text(&w, "name", request->name);
	if (request->password)
		view_put_text(&w, "password", request->password);
	if (request->has_groups)
		view_put_lines(&w, "groups", request->groups);
	if (request->has_disabled)
		view_put_bool(&w, "disabled", request->disabled);
	if (request->has_expires)
		view_put_number(&w, "expires", request->expires);
	if (request->has_quota)
		view_put_number(&w, "quota", request->quota);
	if (request->resets)
		view_put_number(&w, "used", 0);
	if (request->has_rate)
		view_put_number(&w, "rate", request->rate);
	if (request->has_devices)
		view_put_number(&w, "devices", request->devices);
	view_writer_end(&w, &text, false);
	return view_text_take(&text, out_text, out_size);
}

static bool has(const json_t *object, const char *member) {
	const json_t *value = json_object_get(object, member);
	return value && !json_is_null(value);
}

static void get_used(struct view_reader *r, struct view_user_request *request) {
	request->resets = has(r->object, "used");
	const json_t *value = json_object_get(r->object, "used");
	if (request->resets && !(json_is_integer(value) && json_integer_value(value) == 0))
		view_fail(r, "used", "0: what was used can be forgotten, not changed");
}

static void get_devices(struct view_reader *r, struct view_user_request *request) {
	request->has_devices = has(r->object, "devices");
	request->devices = (uint32_t)view_get_number(r, "devices", VIEW_DEVICES_MAX);
	if (request->has_devices && request->devices == 0)
		view_fail(r, "devices", "a whole number from 1 to 255");
}

static void get_settings(struct view_reader *r, struct view_user_request *request) {
	request->password = view_get_text(r, "password", VIEW_PASSWORD_MAX, false);
	request->has_groups = has(r->object, "groups");
	if (json_array_size(json_object_get(r->object, "groups")) > VIEW_GROUPS_MAX)
		view_fail(r, "groups", "a list of at most 16 names");
	request->groups = view_get_lines(r, "groups", GROUPS_MAX_SIZE, GROUPS_EXPECTED);
	request->has_disabled = has(r->object, "disabled");
	request->disabled = view_get_bool(r, "disabled");
	request->has_expires = has(r->object, "expires");
	request->expires = view_get_number(r, "expires", INT64_MAX);
	request->has_quota = has(r->object, "quota");
	request->quota = view_get_number(r, "quota", INT64_MAX);
	request->has_rate = has(r->object, "rate");
	request->rate = view_get_number(r, "rate", INT64_MAX);
	get_devices(r, request);
}

enum err view_user_request_decode(const char *text, size_t size, bool adds,
								  struct view_user_request *out_request,
								  char out_problem[static VIEW_PROBLEM_SIZE]) {
	static const char *const names[] = {"password", "groups",  "disabled", "expires", "quota",
										"rate",     "devices", "name",     NULL};
	static const char *const changes[] = {"password", "groups",  "disabled", "expires", "quota",
										  "rate",     "devices", "used",     NULL};
	view_body_guard();
	json_t *object;
	enum err error = view_body_parse(text, size, adds ? names : changes, &object, out_problem);
	if (error)
		return error;
	struct view_reader r = view_reader_of(object);
	struct view_user_request request = {0};
	if (adds)
		request.name = view_get_text(&r, "name", NAME_MAX_SIZE, true);
	else
		get_used(&r, &request);
	get_settings(&r, &request);
	json_decref(object);
	if (r.error) {
		view_user_request_done(&request);
		return view_body_refuse(&r, out_problem);
	}
	*out_request = request;
	return ERR_OK;
}
