#include "stream/window.h"

enum err window_out_grant(struct window_out *window, uint32_t increment) {
	if (increment > WINDOW_MAX - window->left)
		return ERR_LIMIT;
	window->left += increment;
	return ERR_OK;
}

void window_in_init(struct window_in *window, uint32_t size, uint64_t now) {
	*window = (struct window_in){.size = size, .left = size, .measured_at = now};
}

enum err window_in_take(struct window_in *window, uint32_t bytes) {
	if (bytes > window->left)
		return ERR_LIMIT;
	window->left -= bytes;
	window->held += bytes;
	return ERR_OK;
}

void window_in_release(struct window_in *window, uint32_t bytes) {
	window->held -= bytes;
	window->released += bytes;
}

/* left + held never exceeds the size: what is held was taken off what was left. */
static uint32_t grantable(const struct window_in *window) {
	return window->size - window->held - window->left;
}

bool window_in_is_due(const struct window_in *window) {
	return grantable(window) >= window->size / 4;
}

/*
 * A sender whom the window holds back uses at least three quarters of it in a round trip, because
 * updates come by quarters. It grows up to two to four times what is under way.
 */
enum { ROUND_TRIPS = 2 };

static bool is_too_small(const struct window_in *window, uint64_t elapsed, uint64_t round_trip) {
	if (round_trip == 0 || elapsed / ROUND_TRIPS >= round_trip)
		return false; /* released is at most the size */
	return ROUND_TRIPS * (double)window->released * (double)round_trip >
		   (double)elapsed * (double)window->size;
}

uint32_t window_in_grant(struct window_in *window, uint64_t now, uint64_t round_trip) {
	uint64_t elapsed = now > window->measured_at ? now - window->measured_at : 0;
	if (is_too_small(window, elapsed, round_trip))
		window->size = window->size > WINDOW_MAX / 2 ? WINDOW_MAX : 2 * window->size;
	window->measured_at = now;
	window->released = 0;
	uint32_t increment = grantable(window);
	window->left += increment;
	return increment;
}
