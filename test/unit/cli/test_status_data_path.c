#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include "cli/status_data_path.h"
#include "cli/text_buffer.h"
#include "ctl/view.h"

static char aead[] = "ipsec-mb";

static struct view_data_path two_shards(void) {
	struct view_data_path path = {.aead = aead, .shard_count = 2};
	for (const struct figure_offload *row = figure_offloads; row->name; row++)
		path.shards[0].of[row->figure] = path.shards[1].of[row->figure] = 1;
	path.shards[0].of[FIGURE_TURNS] = 1000;
	path.shards[1].of[FIGURE_TURNS] = 234567;
	return path;
}

static void assert_line(const struct view_data_path *path, const char *expected) {
	struct text_buffer text = {0};
	status_data_path_line(&text, path);
	assert_string_equal(text.text, expected);
	text_buffer_done(&text);
}

static void nothing_happened_yet(void **state) {
	const struct view_data_path path = two_shards();
	assert_line(&path, "2 shards, ipsec-mb, UDP GSO+GRO, TUN TSO+USO");
}

static void averages_are_over_all_shards(void **state) {
	struct view_data_path path = two_shards();
	path.shards[0].of[FIGURE_UDP_SEND_CALLS] = 10;
	path.shards[0].of[FIGURE_UDP_SENT_DATAGRAMS] = 450;
	path.shards[1].of[FIGURE_UDP_SEND_CALLS] = 10;
	path.shards[1].of[FIGURE_UDP_SENT_DATAGRAMS] = 454;
	assert_line(&path, "2 shards, ipsec-mb, UDP GSO+GRO, TUN TSO+USO; 45.2 packets a send");
	path.shards[1].of[FIGURE_TUN_WRITES] = 5;
	path.shards[1].of[FIGURE_TUN_WRITTEN_PACKETS] = 159;
	assert_line(&path, "2 shards, ipsec-mb, UDP GSO+GRO, TUN TSO+USO; 45.2 packets a send, "
					   "31.8 a write");
	path.shards[0].of[FIGURE_UDP_SEND_CALLS] = path.shards[1].of[FIGURE_UDP_SEND_CALLS] = 0;
	assert_line(&path, "2 shards, ipsec-mb, UDP GSO+GRO, TUN TSO+USO; 31.8 packets a write");
}

static void drops_are_told_by_reason(void **state) {
	struct view_data_path path = two_shards();
	path.shards[0].of[FIGURE_UDP_KERNEL_DROPS] = 5;
	path.shards[1].of[FIGURE_UDP_KERNEL_DROPS] = 7;
	assert_line(&path, "2 shards, ipsec-mb, UDP GSO+GRO, TUN TSO+USO; dropped 12 (socket 12)");
	path.has_tun_queue_drops = true;
	path.tun_queue_drops = 3;
	path.shards[1].of[FIGURE_FORGED] = 1;
	assert_line(&path, "2 shards, ipsec-mb, UDP GSO+GRO, TUN TSO+USO; dropped 16 (tun_queue 3, "
					   "socket 12, forged 1)");
	path.shards[1].of[FIGURE_UNDER_LOAD] = 1;
	assert_line(&path, "2 shards, ipsec-mb, UDP GSO+GRO, TUN TSO+USO; dropped 16 (tun_queue 3, "
					   "socket 12, forged 1); under load");
}

/* What one shard does not use is not in use. */
static void offloads_that_are_off(void **state) {
	struct view_data_path path = two_shards();
	path.shards[1].of[FIGURE_UDP_SEGMENTATION] = 0;
	path.shards[0].of[FIGURE_TUN_UDP] = 0;
	assert_line(&path, "2 shards, ipsec-mb, UDP GRO, TUN TSO");
	path.shards[0].of[FIGURE_UDP_COALESCING] = path.shards[0].of[FIGURE_TUN_TCP] = 0;
	path.shard_count = 1;
	assert_line(&path, "1 shard, ipsec-mb, UDP GSO, TUN without offload");
}

static void the_table_has_a_column_a_shard(void **state) {
	struct view_data_path path = two_shards();
	path.shards[1].of[FIGURE_TUN_UDP] = 0;
	struct text_buffer text = {0};
	status_data_path_table(&text, &path, 2);
	assert_string_equal(text.text, "  shard                          0       1     all\n"
								   "  turns                       1000  234567  235567\n"
								   "  under_load                    no      no\n"
								   "  udp_segmentation             yes     yes\n"
								   "  udp_coalescing               yes     yes\n"
								   "  tun_header                   yes     yes\n"
								   "  tun_tcp                      yes     yes\n"
								   "  tun_udp                      yes      no\n");
	text_buffer_done(&text);
	path.shard_count = 1;
	status_data_path_table(&text, &path, 0);
	assert_memory_equal(text.text,
						"shard                        0\n"
						"turns                     1000\n",
						62);
	text_buffer_done(&text);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_happened_yet),
		cmocka_unit_test(averages_are_over_all_shards),
		cmocka_unit_test(drops_are_told_by_reason),
		cmocka_unit_test(offloads_that_are_off),
		cmocka_unit_test(the_table_has_a_column_a_shard),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
