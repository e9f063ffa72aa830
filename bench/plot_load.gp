# plot_load.gp -- Called by plot.sh, which sets sides, data and output.
set terminal svg size 720,420 font "sans-serif,13" background "#ffffff"
set output output
set title "Durable 1 KiB appends, 16 threads: latency against load"
set xlabel "appends a second"
set ylabel "us (from when an append was due)"
set key outside right
set grid
set logscale xy
plot for [side in sides] data.side."-p50" using 1:2:3:4 with yerrorlines title side." p50", \
     for [side in sides] data.side."-p99" using 1:2:3:4 with yerrorlines dashtype 2 title side." p99"
