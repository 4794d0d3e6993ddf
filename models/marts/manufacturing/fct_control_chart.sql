with

points as (

    select * from {{ ref('int_manufacturing__chart_points') }}

),

constants as (

    select * from {{ ref('control_chart_constants') }}

),

rules as (

    select
        {{ manufacturing_parameter('mf_rule_spc', 'sigma_limit') }} as sigma_limit,
        {{ manufacturing_parameter('mf_rule_spc', 'we_two_of_three_sigma') }} as two_of_three_sigma,
        {{ manufacturing_parameter('mf_rule_spc', 'we_four_of_five_sigma') }} as four_of_five_sigma,
        {{ manufacturing_parameter('mf_rule_spc', 'we_run_length') }} as run_length

),

scaled as (

    select
        points.chart, points.series_kind, points.characteristic, points.machine_id, points.line_id,
        points.point_id, points.point_at, points.point_number, points.subgroup_size,
        points.point_value,
        points.spread,
        constants.d2,
        constants.d3
    from points
    left join constants on points.spread_size = constants.subgroup_size

),

-- sigma from variation within subgroups (or between neighbours): a shift of the mean must not widen its own limits
series as (

    select
        chart, series_kind, characteristic, machine_id,
        sum(subgroup_size * point_value) / sum(subgroup_size) as centre,
        avg(spread / d2) as sigma
    from scaled
    group by chart, series_kind, characteristic, machine_id

),

charted as (

    select
        scaled.chart, scaled.series_kind, scaled.characteristic, scaled.machine_id, scaled.line_id,
        scaled.point_id, scaled.point_at, scaled.point_number, scaled.subgroup_size,
        'location' as panel,
        scaled.point_value as charted_value,
        series.centre as centre_line,
        series.sigma / sqrt(scaled.subgroup_size) as sigma_of_point,
        {{ typed_null('num') }} as floor_value
    from scaled
    inner join series
        on
            scaled.chart = series.chart
            and scaled.series_kind = series.series_kind
            and scaled.characteristic = series.characteristic
            and scaled.machine_id = series.machine_id
    union all
    select
        scaled.chart, scaled.series_kind, scaled.characteristic, scaled.machine_id, scaled.line_id,
        scaled.point_id, scaled.point_at, scaled.point_number, scaled.subgroup_size,
        'spread' as panel,
        scaled.spread as charted_value,
        series.sigma * scaled.d2 as centre_line,
        series.sigma * scaled.d3 as sigma_of_point,
        0.0 as floor_value
    from scaled
    inner join series
        on
            scaled.chart = series.chart
            and scaled.series_kind = series.series_kind
            and scaled.characteristic = series.characteristic
            and scaled.machine_id = series.machine_id
    where scaled.spread is not null

),

judged as (

    select
        charted.chart, charted.panel, charted.series_kind, charted.characteristic, charted.machine_id, charted.line_id,
        charted.point_id, charted.point_at, charted.point_number, charted.subgroup_size,
        charted.charted_value,
        charted.centre_line,
        charted.sigma_of_point,
        rules.run_length,
        charted.centre_line + rules.sigma_limit * charted.sigma_of_point as upper_limit,
        {{ greatest_of(['charted.centre_line - rules.sigma_limit * charted.sigma_of_point', 'charted.floor_value']) }} as lower_limit,
        case
            when charted.charted_value > charted.centre_line then 1
            when charted.charted_value < charted.centre_line then -1
            else 0
        end as side,
        case
            when charted.charted_value > charted.centre_line + rules.two_of_three_sigma * charted.sigma_of_point then 1
            when charted.charted_value < charted.centre_line - rules.two_of_three_sigma * charted.sigma_of_point then -1
            else 0
        end as outer_zone,
        case
            when charted.charted_value > charted.centre_line + rules.four_of_five_sigma * charted.sigma_of_point then 1
            when charted.charted_value < charted.centre_line - rules.four_of_five_sigma * charted.sigma_of_point then -1
            else 0
        end as middle_zone
    from charted
    cross join rules

),

counted as (

    select
        chart, panel, series_kind, characteristic, machine_id, line_id,
        point_id, point_at, point_number, subgroup_size,
        charted_value, centre_line, sigma_of_point, lower_limit, upper_limit,
        run_length,
        side,
        outer_zone,
        middle_zone,
        -- the same for points of one side in a row
        row_number() over (partition by chart, series_kind, characteristic, machine_id, panel order by point_number)
        - row_number() over (partition by chart, series_kind, characteristic, machine_id, panel, side order by point_number)
            as side_run,
        {% for zone, before in [('outer_zone', 2), ('middle_zone', 4)] -%}
        {% for sign, name in [(1, 'above'), (-1, 'below')] -%}
        sum(case when {{ zone }} = {{ sign }} then 1 else 0 end) over (
            partition by chart, series_kind, characteristic, machine_id, panel
            order by point_number
            rows between {{ before }} preceding and current row
        ) as {{ zone }}_{{ name }}{{ "," if not (loop.last and zone == 'middle_zone') }}
        {% endfor %}
        {%- endfor %}
    from judged

),

-- the run rules speak of the location; the spread is only held against its limits
signalled as (

    select
        chart, panel, series_kind, characteristic, machine_id, line_id,
        point_id, point_at, point_number, subgroup_size,
        charted_value, centre_line, sigma_of_point, lower_limit, upper_limit,
        coalesce(charted_value > upper_limit or charted_value < lower_limit, false) as is_beyond_limits,
        panel = 'location' and (
            (outer_zone = 1 and outer_zone_above >= 2) or (outer_zone = -1 and outer_zone_below >= 2)
        ) as is_two_of_three,
        panel = 'location' and (
            (middle_zone = 1 and middle_zone_above >= 4) or (middle_zone = -1 and middle_zone_below >= 4)
        ) as is_four_of_five,
        panel = 'location' and side <> 0 and row_number() over (
            partition by chart, series_kind, characteristic, machine_id, panel, side, side_run order by point_number
        ) >= run_length as is_long_run
    from counted

)

select
    {{ as_text('chart') }} as chart,
    {{ as_text('panel') }} as panel,
    {{ as_text('series_kind') }} as series_kind,
    {{ as_text('characteristic') }} as characteristic,
    {{ as_text('machine_id') }} as machine_id,
    {{ as_text('line_id') }} as line_id,
    {{ as_text('point_id') }} as point_id,
    cast(point_number as {{ type_bigint() }}) as point_number,
    point_at,
    cast(subgroup_size as {{ type_bigint() }}) as subgroup_size,
    cast(charted_value as {{ type_double() }}) as charted_value,
    cast(centre_line as {{ type_double() }}) as centre_line,
    cast(sigma_of_point as {{ type_double() }}) as sigma_of_point,
    cast(lower_limit as {{ type_double() }}) as lower_limit,
    cast(upper_limit as {{ type_double() }}) as upper_limit,
    is_beyond_limits,
    is_two_of_three,
    is_four_of_five,
    is_long_run,
    is_beyond_limits or is_two_of_three or is_four_of_five or is_long_run as is_out_of_control
from signalled
