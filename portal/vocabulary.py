"""Words that several rooms share: occupations, industries, identity documents, basic services.

The lists are those of the domain document (sections 2.1 and 2.6). The English label is the message that is translated.
"""

from __future__ import annotations

from portal.types import N_, Word


class Occupation(Word):
    """The group a worker counts themselves to; the first four are the key groups."""

    COURIER = "courier", N_("Courier")
    FOOD_DELIVERY_RIDER = "food_delivery_rider", N_("Food-delivery rider")
    TRUCK_DRIVER = "truck_driver", N_("Truck driver")
    RIDE_HAILING_DRIVER = "ride_hailing_driver", N_("Ride-hailing driver")
    SANITATION_WORKER = "sanitation_worker", N_("Sanitation worker")
    TAXI_DRIVER = "taxi_driver", N_("Taxi driver")
    TRAFFIC_POLICE = "traffic_police", N_("Traffic police")
    CARE_WORKER = "care_worker", N_("Care worker")
    DOMESTIC_WORKER = "domestic_worker", N_("Domestic worker")
    SHOPPING_GUIDE = "shopping_guide", N_("Shopping guide")
    REAL_ESTATE_AGENT = "real_estate_agent", N_("Real-estate agent")
    SECURITY_GUARD = "security_guard", N_("Security guard")
    LIVESTREAMER = "livestreamer", N_("Livestreamer")
    OTHER = "other", N_("Other occupation")


# Offered first at the counter, one tap each; the rest stand behind “more”.
COUNTER_OCCUPATIONS = (
    Occupation.COURIER,
    Occupation.FOOD_DELIVERY_RIDER,
    Occupation.TRUCK_DRIVER,
    Occupation.RIDE_HAILING_DRIVER,
    Occupation.SANITATION_WORKER,
    Occupation.OTHER,
)

# Who drives gets nothing with alcohol; who rides is told.
DRIVERS = (Occupation.TRUCK_DRIVER, Occupation.RIDE_HAILING_DRIVER, Occupation.TAXI_DRIVER)
RIDERS = (Occupation.FOOD_DELIVERY_RIDER, Occupation.COURIER)

NEW_FORM_OCCUPATIONS = frozenset(
    {Occupation.COURIER, Occupation.FOOD_DELIVERY_RIDER, Occupation.TRUCK_DRIVER, Occupation.RIDE_HAILING_DRIVER}
)


class Industry(Word):
    """The one industry a member belongs to."""

    EXPRESS = "express", N_("Express and post")
    FOOD_DELIVERY = "food_delivery", N_("Food delivery")
    ROAD_FREIGHT = "road_freight", N_("Road freight")
    PASSENGER_TRANSPORT = "passenger_transport", N_("Passenger transport")
    SANITATION = "sanitation", N_("Sanitation")
    CARE = "care", N_("Care and domestic work")
    TRADE = "trade", N_("Trade and property")
    SECURITY = "security", N_("Security")
    OTHER = "other", N_("Other industry")


INDUSTRY_OF = {
    Occupation.COURIER: Industry.EXPRESS,
    Occupation.FOOD_DELIVERY_RIDER: Industry.FOOD_DELIVERY,
    Occupation.TRUCK_DRIVER: Industry.ROAD_FREIGHT,
    Occupation.RIDE_HAILING_DRIVER: Industry.PASSENGER_TRANSPORT,
    Occupation.TAXI_DRIVER: Industry.PASSENGER_TRANSPORT,
    Occupation.SANITATION_WORKER: Industry.SANITATION,
    Occupation.CARE_WORKER: Industry.CARE,
    Occupation.DOMESTIC_WORKER: Industry.CARE,
    Occupation.SHOPPING_GUIDE: Industry.TRADE,
    Occupation.REAL_ESTATE_AGENT: Industry.TRADE,
    Occupation.SECURITY_GUARD: Industry.SECURITY,
}


class IdType(Word):
    """Identity documents that are accepted."""

    RESIDENT_ID = "resident_id", N_("Resident identity card")
    HMT_RESIDENCE = "hmt_residence", N_("Residence permit for Hong Kong, Macao and Taiwan residents")
    HMT_TRAVEL = "hmt_travel", N_("Mainland travel permit for Hong Kong, Macao and Taiwan residents")
    FOREIGN_PERMANENT = "foreign_permanent", N_("Foreign permanent resident card")
    PASSPORT = "passport", N_("Passport")


class BasicService(Word):
    """What a stay can hold. Nothing here needs a name, a membership or an app."""

    REST = "rest", N_("Rest")
    DRINKING_WATER = "drinking_water", N_("Drinking water")
    HOT_MEAL = "hot_meal", N_("Meal heating")
    COOLING = "cooling", N_("Cooling off")
    WARMING = "warming", N_("Warming up")
    PHONE_CHARGING = "phone_charging", N_("Phone charging")
    EBIKE_CHARGING = "ebike_charging", N_("E-bike charging")
    BATTERY_SWAP = "battery_swap", N_("Battery swap")
    TOILET = "toilet", N_("Toilet")
    WASH_HANDS = "wash_hands", N_("Hand washing")
    SHOWER = "shower", N_("Shower")
    LAUNDRY = "laundry", N_("Laundry")
    TRUCK_PARKING = "truck_parking", N_("Truck parking and rest")
    FIRST_AID = "first_aid", N_("First-aid kit")
    REPAIR_TOOLS = "repair_tools", N_("Tool loan")
    RAIN_GEAR = "rain_gear", N_("Rain gear loan")
    READING = "reading", N_("Reading")
    WIFI = "wifi", N_("Wi-Fi")
    HAIRCUT = "haircut", N_("Haircut")
    LEGAL_ADVICE = "legal_advice", N_("Legal advice")
    COUNSELLING = "counselling", N_("Counselling")
    OTHER = "other", N_("Other service")


# Tallied, never named: a medicine or a talk must not stand beside a person.
TALLIED_ONLY = frozenset({BasicService.FIRST_AID, BasicService.COUNSELLING})
