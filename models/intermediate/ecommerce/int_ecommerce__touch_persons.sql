{%- set touches -%}
(
    select
        touch_id as request_id,
        touched_at as requested_at,
        user_id,
        {{ typed_null('id') }} as phone_hash,
        device_id,
        cookie_id,
        {{ typed_null('id') }} as fingerprint_id
    from {{ ref('stg_ecommerce__ad_touches') }}
)
{%- endset -%}
{{ resolve_persons(touches, ref('int_ecommerce__sightings'), ref('int_ecommerce__user_persons')) }}
