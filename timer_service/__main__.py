from timer_service.start import main

main()
