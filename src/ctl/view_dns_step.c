#include "ctl/view_dns_step.h"

const char *view_upstream_name(enum view_upstream upstream) {
	static const char *const names[VIEW_UPSTREAM_COUNT] = {
		[VIEW_UPSTREAM_SYSTEM] = "system", [VIEW_UPSTREAM_TUNNEL] = "tunnel"};
	return names[upstream];
}

void view_dns_step_put(struct view_writer *writer, const struct view_dns_step *step) {
	struct view_writer w = view_writer_new();
	for (enum view_upstream i = 0; i < VIEW_UPSTREAM_COUNT; i++) {
		struct view_writer one = view_writer_new();
		view_put_number(&one, "questions", step->of[i].questions);
		view_put_number(&one, "answers", step->of[i].answers);
		view_put_number(&one, "failed", step->of[i].failed);
		view_put_object(&w, view_upstream_name(i), &one);
	}
	view_put_number(&w, "refused", step->refused);
	view_put_number(&w, "strange", step->strange);
	view_put_object(writer, "dns_step", &w);
}

/* An older daemon does not tell. */
void view_dns_step_get(struct view_reader *reader, struct view_dns_step *out_step) {
	const json_t *object = json_object_get(reader->object, "dns_step");
	if (!object || json_is_null(object) || reader->error)
		return;
	struct view_dns_step step = {.refused = 0};
	struct view_reader r = view_reader_of(object);
	for (enum view_upstream i = 0; i < VIEW_UPSTREAM_COUNT && !r.error; i++) {
		struct view_reader one = view_reader_of(json_object_get(object, view_upstream_name(i)));
		step.of[i].questions = view_get_number(&one, "questions", UINT64_MAX);
		step.of[i].answers = view_get_number(&one, "answers", UINT64_MAX);
		step.of[i].failed = view_get_number(&one, "failed", UINT64_MAX);
		r.error = one.error;
	}
	step.refused = view_get_number(&r, "refused", UINT64_MAX);
	step.strange = view_get_number(&r, "strange", UINT64_MAX);
	reader->error = r.error;
	if (!r.error)
		*out_step = step;
}
