-- One state per machine and instant: every segment begins where the one before ends, the last ends at as_of.
with

timeline as (

    select * from {{ ref('int_manufacturing__state_timeline') }}

),

horizon as (

    select * from {{ ref('int_manufacturing__as_of') }}

),

followed as (

    select
        timeline.machine_id,
        timeline.starts_at,
        timeline.ends_at,
        coalesce(
            lead(timeline.starts_at) over (partition by timeline.machine_id order by timeline.starts_at),
            horizon.as_of_utc
        ) as must_end_at
    from timeline
    cross join horizon

)

select * from followed
where ends_at <> must_end_at
