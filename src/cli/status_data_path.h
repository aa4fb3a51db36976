#pragma once

/* The figures of a tunnel's data path as text for people. */

struct text_buffer;
struct view_data_path;

/*
 * On one line, without label and newline: "2 shards, ipsec-mb, UDP GSO+GRO, TUN TSO+USO; 45.2
 * packets a send, 31.8 a write; dropped 12 (socket 12)". What was never done and what was never
 * dropped is left out.
 */
void status_data_path_line(struct text_buffer *text, const struct view_data_path *path);

/*
 * A line a figure, a column a shard, and where there are several one of their sums; figures that
 * are 0 everywhere are left out. indent blanks stand before each line.
 */
void status_data_path_table(struct text_buffer *text, const struct view_data_path *path,
							int indent);
