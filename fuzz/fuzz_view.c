/* What is read is written and read again to the same text: the first byte chooses the object. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/view_user.h"
#include "expect.h"

struct list {
	struct view_peer *items;
	size_t count;
};

union object {
	struct view_peer peer;
	struct list peers;
	struct view_tunnel tunnel;
	struct view_status status;
	struct view_event event;
	struct view_error error;
	struct view_peer_request request;
	struct view_user user;
	struct {
		struct view_user *items;
		size_t count;
	} users;
	struct view_user_request user_request;
	char *text; /* a message, a level */
};

static enum err decode(char kind, const char *text, size_t size, union object *out_object) {
	char problem[VIEW_PROBLEM_SIZE] = "";
	enum err error;
	switch (kind) {
	case 'p':
		return view_peer_decode(text, size, &out_object->peer);
	case 'l':
		return view_peers_decode(text, size, &out_object->peers.items, &out_object->peers.count);
	case 't':
		return view_tunnel_decode(text, size, &out_object->tunnel);
	case 's':
		return view_status_decode(text, size, &out_object->status);
	case 'e':
		return view_event_decode(text, size, &out_object->event);
	case 'x':
		return view_error_decode(text, size, &out_object->error);
	case 'm':
		return view_message_decode(text, size, &out_object->text);
	case 'r':
		error = view_peer_request_decode(text, size, &out_object->request, problem);
		expect(!error || problem[0] != '\0');
		return error;
	case 'u':
		return view_user_decode(text, size, &out_object->user);
	case 'U':
		return view_users_decode(text, size, &out_object->users.items, &out_object->users.count);
	case 'a':
	case 'c':
		error =
			view_user_request_decode(text, size, kind == 'a', &out_object->user_request, problem);
		expect(!error || problem[0] != '\0');
		return error;
	case 'v':
		error = view_level_decode(text, size, &out_object->text, problem);
		expect(!error || problem[0] != '\0');
		return error;
	default:
		return ERR_UNSUPPORTED;
	}
}

static enum err encode(char kind, const union object *object, char **out_text, size_t *out_size) {
	switch (kind) {
	case 'p':
		return view_peer_encode(&object->peer, out_text, out_size);
	case 'l':
		return view_peers_encode(object->peers.items, object->peers.count, out_text, out_size);
	case 't':
		return view_tunnel_encode(&object->tunnel, out_text, out_size);
	case 's':
		return view_status_encode(&object->status, out_text, out_size);
	case 'e':
		return view_event_encode(&object->event, out_text, out_size);
	case 'x':
		return view_error_encode(&object->error, out_text, out_size);
	case 'm':
		return view_message_encode(object->text, out_text, out_size);
	case 'r':
		return view_peer_request_encode(&object->request, out_text, out_size);
	case 'u':
		return view_user_encode(&object->user, out_text, out_size);
	case 'U':
		return view_users_encode(object->users.items, object->users.count, out_text, out_size);
	case 'a':
	case 'c':
		return view_user_request_encode(&object->user_request, out_text, out_size);
	default:
		return view_level_encode(object->text, out_text, out_size);
	}
}

static void done(char kind, union object *object) {
	switch (kind) {
	case 'p':
		view_peer_done(&object->peer);
		break;
	case 'l':
		for (size_t i = 0; i < object->peers.count; i++)
			view_peer_done(&object->peers.items[i]);
		free(object->peers.items);
		break;
	case 't':
		view_tunnel_done(&object->tunnel);
		break;
	case 's':
		view_status_done(&object->status);
		break;
	case 'e':
		view_event_done(&object->event);
		break;
	case 'x':
		view_error_done(&object->error);
		break;
	case 'r':
		view_peer_request_done(&object->request);
		break;
	case 'u':
		view_user_done(&object->user);
		break;
	case 'U':
		view_users_free(object->users.items, object->users.count);
		break;
	case 'a':
	case 'c':
		view_user_request_done(&object->user_request);
		break;
	default:
		free(object->text);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size == 0)
		return 0;
	char kind = (char)data[0];
	union object object, again;
	if (decode(kind, (const char *)data + 1, size - 1, &object))
		return 0;
	char *text = NULL, *second = NULL;
	size_t text_size = 0, second_size = 0;
	expect(!encode(kind, &object, &text, &text_size));
	expect(text[text_size] == '\0' && strlen(text) == text_size);
	expect(!decode(kind, text, text_size, &again));
	expect(!encode(kind, &again, &second, &second_size));
	expect(second_size == text_size && memcmp(text, second, text_size) == 0);
	free(text);
	free(second);
	done(kind, &object);
	done(kind, &again);
	return 0;
}
