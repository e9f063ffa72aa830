# plot_threads.gp -- Called by plot.sh, which sets sides, data and output.
set terminal svg size 720,420 font "sans-serif,13" background "#ffffff"
set output output
set title "Durable 1 KiB appends to one log: rate against threads"
set xlabel "threads"
set ylabel "thousand appends a second"
set key outside right
set grid
set logscale x 2
set yrange [0:]
plot for [side in sides] data.side using 1:2:3:4 with yerrorlines title side
