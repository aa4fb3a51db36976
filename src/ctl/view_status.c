#include <stdlib.h>

#include "ctl/view.h"
#include "ctl/view_dns_step.h"
#include "ctl/view_json.h"
#include "ctl/view_tunnel.h"

enum { TUNNELS_MAX = 4096 };

void view_status_done(struct view_status *status) {
	if (!status)
		return;
	free(status->version);
	free(status->node);
	free(status->configuration);
	free(status->log_level);
	for (size_t i = 0; i < status->tunnel_count; i++)
		view_tunnel_done(&status->tunnels[i]);
	free(status->tunnels);
	*status = (struct view_status){0};
}

enum err view_status_encode(const struct view_status *status, char **out_text, size_t *out_size) {
	static const char tunnels[] = ",\"tunnels\":[";
	struct view_text text = {0};
	struct view_writer w = view_writer_new();
	view_put_number(&w, "api", status->api);
	view_put_text(&w, "version", status->version);
	view_put_text(&w, "node", status->node);
	view_put_text(&w, "configuration", status->configuration);
	view_put_text(&w, "log_level", status->log_level);
	view_put_number(&w, "pid", status->pid);
	view_put_number(&w, "started", status->started);
	view_put_number(&w, "net_restarts", status->net_restarts);
	view_dns_step_put(&w, &status->dns_step);
	view_writer_end(&w, &text, true);
	view_text_add(&text, tunnels, sizeof tunnels - 1);
	for (size_t i = 0; i < status->tunnel_count; i++) {
		if (i > 0)
			view_text_add(&text, ",", 1);
		view_tunnel_put(&status->tunnels[i], &text);
	}
	view_text_add(&text, "]}", 2);
	return view_text_take(&text, out_text, out_size);
}

static void get_tunnels(struct view_reader *r, struct view_status *status) {
	const json_t *array = view_get_array(r, "tunnels", TUNNELS_MAX);
	size_t count = json_array_size(array);
	if (count == 0)
		return;
	status->tunnels = calloc(count, sizeof *status->tunnels);
	if (!status->tunnels) {
		r->error = ERR_NO_MEMORY;
		return;
	}
	while (status->tunnel_count < count) {
		const json_t *object = json_array_get(array, status->tunnel_count);
		r->error = view_tunnel_get(object, &status->tunnels[status->tunnel_count]);
		if (r->error)
			return;
		status->tunnel_count++;
	}
}

enum err view_status_decode(const char *text, size_t size, struct view_status *out_status) {
	json_t *object;
	enum err error = view_json_parse(text, size, &object);
	if (error)
		return error;
	struct view_reader r = view_reader_of(object);
	struct view_status status = {0};
	status.api = (unsigned)view_get_number(&r, "api", UINT16_MAX);
	status.version = view_get_text(&r, "version", VIEW_TEXT_MAX, true);
	status.node = view_get_text(&r, "node", VIEW_TEXT_MAX, false);
	status.configuration = view_get_text(&r, "configuration", VIEW_TEXT_MAX, false);
	status.log_level = view_get_text(&r, "log_level", VIEW_TEXT_MAX, false);
	status.pid = view_get_number(&r, "pid", UINT64_MAX);
	status.started = view_get_number(&r, "started", UINT64_MAX);
	status.net_restarts = view_get_number(&r, "net_restarts", UINT64_MAX);
	view_dns_step_get(&r, &status.dns_step);
	get_tunnels(&r, &status);
	json_decref(object);
	if (r.error) {
		view_status_done(&status);
		return r.error;
	}
	*out_status = status;
	return ERR_OK;
}
